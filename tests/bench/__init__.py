"""Speed, measured in one run and printed as ratios: `make bench`, or one part of it by name."""
