# Recent Windows sleeps after 15 minutes on QEMU, in mid-update too.
$steps = @()
foreach ($timeout in 'standby-timeout-ac', 'hibernate-timeout-ac', 'monitor-timeout-ac') {
    & powercfg.exe /change $timeout 0 | Out-Null
    $steps += @{ name = $timeout; code = [int]$LASTEXITCODE; error = '' }
}
$steps += @{ name = 'hibernate'; code = (Invoke-Program -File 'powercfg.exe' -Arguments '/hibernate', 'off' -TimeoutSeconds 60); error = '' }
Complete-Operation -Result @{ steps = $steps }
