enum AccessLogPlaceholder {}
