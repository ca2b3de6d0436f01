enum BlockMapPlaceholder {}
