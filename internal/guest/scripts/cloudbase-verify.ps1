$folder = "$env:ProgramFiles\Cloudbase Solutions\Cloudbase-Init"
$start = Get-ServiceStart -Name 'cloudbase-init'
$conf = @{}
foreach ($name in 'cloudbase-init', 'cloudbase-init-unattend') {
    $conf[$name] = ''
    if (Test-Path -LiteralPath "$folder\conf\$name.conf") { $conf[$name] = "$(Get-Content -LiteralPath "$folder\conf\$name.conf" -Raw)" }
}
$bytes = 0
$log = Get-Item -LiteralPath "$folder\log\cloudbase-init.log" -ErrorAction SilentlyContinue
if ($null -ne $log) { $bytes = [long]$log.Length }
Complete-Operation -Result @{
    installed     = ($start -ge 0)
    version       = (Get-InstalledVersion -Product 'Cloudbase-Init*')
    service_start = $start
    log_bytes     = $bytes
    conf          = $conf['cloudbase-init']
    unattend_conf = $conf['cloudbase-init-unattend']
}
