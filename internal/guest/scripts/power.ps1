# Recent Windows sleeps after 15 minutes on QEMU, in mid-update too.
$steps = @()
foreach ($timeout in 'standby-timeout-ac', 'hibernate-timeout-ac', 'monitor-timeout-ac') {
    & powercfg.exe /change $timeout 0 | Out-Null
    $steps += @{ name = $timeout; code = [int]$LASTEXITCODE; error = '' }
}
& powercfg.exe /hibernate off 2>&1 | Out-Null
$steps += @{ name = 'hibernate'; code = [int]$LASTEXITCODE; error = '' }
Complete-Operation -Result @{ steps = $steps }
