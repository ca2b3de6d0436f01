enum DiskImagePlaceholder {}
