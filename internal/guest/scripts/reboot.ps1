$start = Get-ServiceStart -Name 'cloudbase-init'
if ($Parameters.cloudbase_init -and $start -notin -1, 4) {
    Stop-Operation -Code 'not-disabled' -Message "the service cloudbase-init has Start=$start, expected 4 (disabled): at this restart it would change the build's machine"
}
$boot = Get-Boot
Send-Beacon -Stage 'guest.reboot' -State 'info' -Text $Parameters.reason
$code = Invoke-Program -File 'shutdown.exe' -Arguments '/r', '/t', '2', '/f', '/d', 'p:2:4', '/c', "`"$($Parameters.reason)`"" -TimeoutSeconds 60
# 1115 and 1190: a shutdown is under way already.
if ($code -notin 0, 1115, 1190) { Stop-Operation -Code 'shutdown' -Message "shutdown.exe /r ended with $code" }
Complete-Operation -Result @{ boot_id = $boot.Id }
