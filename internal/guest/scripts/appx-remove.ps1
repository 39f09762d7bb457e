$left = @(Remove-Package -FullName @($Parameters.packages))
Complete-Operation -Result @{ left = $left }
