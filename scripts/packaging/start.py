from kubectl_rev.cli.multicall import main

main()
