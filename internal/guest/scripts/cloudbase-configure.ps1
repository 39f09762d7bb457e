$folder = "$env:ProgramFiles\Cloudbase Solutions\Cloudbase-Init"
if (-not (Test-Path -LiteralPath "$folder\conf")) {
    Stop-Operation -Code 'not-installed' -Message "$folder\conf is not there; cloudbase-init is not installed"
}
$conf = "$folder\conf\cloudbase-init.conf"
$unattend = "$folder\conf\cloudbase-init-unattend.conf"
Write-Text -Path $conf -Text $Parameters.conf
Write-Text -Path $unattend -Text $Parameters.unattend_conf
$start = Get-ServiceStart -Name 'cloudbase-init'
if ($start -ne 4) {
    Stop-Operation -Code 'not-disabled' -Message "the service cloudbase-init has Start=$start, expected 4 (disabled): only the seal may arm it"
}
$bytes = 0
$log = Get-Item -LiteralPath "$folder\log\cloudbase-init.log" -ErrorAction SilentlyContinue
if ($null -ne $log) { $bytes = [long]$log.Length }
Complete-Operation -Result @{
    conf_path            = $conf
    conf_sha256          = (Get-Sha256 -Path $conf)
    unattend_conf_path   = $unattend
    unattend_conf_sha256 = (Get-Sha256 -Path $unattend)
    service_start        = $start
    log_bytes            = $bytes
}
