"""The commands of ``python -m training``, a file each; what needs TensorFlow is imported by the command that runs."""
