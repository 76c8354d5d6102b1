"""What krew installs: an archive with one executable for each platform, and a manifest for each plugin."""
