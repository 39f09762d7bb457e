$folder = "$env:ProgramFiles\Cloudbase Solutions\Cloudbase-Init"
$start = Get-ServiceStart -Name 'cloudbase-init'
$conf = ''
if (Test-Path -LiteralPath "$folder\conf\cloudbase-init.conf") { $conf = "$(Get-Content -LiteralPath "$folder\conf\cloudbase-init.conf" -Raw)" }
$bytes = 0
$log = Get-Item -LiteralPath "$folder\log\cloudbase-init.log" -ErrorAction SilentlyContinue
if ($null -ne $log) { $bytes = [long]$log.Length }
Complete-Operation -Result @{
    installed     = ($start -ge 0)
    version       = (Get-InstalledVersion -Product 'Cloudbase-Init*')
    service_start = $start
    log_bytes     = $bytes
    conf          = $conf
}
