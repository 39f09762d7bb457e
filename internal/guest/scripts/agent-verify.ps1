$problems = @()
$services = @()
foreach ($name in 'QEMU-GA', 'QEMU Guest Agent VSS Provider') {
    $start = Get-ServiceStart -Name $name
    $services += @{ name = $name; present = ($start -ge 0); running = (Test-ServiceRunning -Name $name); start = $start }
    if ($start -lt 0) { $problems += "the service $name is not installed" }
    elseif ($start -eq 4) { $problems += "the service $name is disabled" }
}
Complete-Operation -Result @{
    ok       = ($problems.Count -eq 0)
    version  = (Get-InstalledVersion -Product 'QEMU guest agent')
    services = $services
    problems = $problems
}
