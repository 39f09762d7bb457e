$folder = "$env:ProgramData\wintemplate\tasks\$($Parameters.id)"
if (-not (Test-Path -LiteralPath $folder)) { Stop-Operation -Code 'not-found' -Message "there is no task $($Parameters.id) to release" }
Set-Content -LiteralPath "$folder\release" -Value '1' -Encoding ASCII
Complete-Operation
