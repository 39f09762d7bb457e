# A storage driver starts at boot once Plug and Play has bound a device of its own.
$waiting = @($Parameters.boot_services)
for ($seconds = 0; ; $seconds += 3) {
    try { Update-HostStorageCache } catch { Write-Verbose -Message "$_" }
    $waiting = @($waiting | Where-Object { (Get-ServiceStart -Name $_) -ne 0 })
    if ($waiting.Count -eq 0 -or $seconds -ge $Parameters.wait_seconds) { break }
    Start-Sleep -Seconds 3
}
Complete-Operation -Result @{ bound = @($Parameters.boot_services | Where-Object { $_ -notin $waiting }); missing = $waiting }
