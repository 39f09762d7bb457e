function Get-Driver([string]$Name) {
    $key = "HKLM:\SYSTEM\CurrentControlSet\Services\$Name"
    $driver = @{ name = $Name; present = $false; start = (Get-ServiceStart -Name $Name); file = ''; version = '' }
    $image = [string](Get-RegistryValue -Key $key -Name 'ImagePath' -Default '')
    if ($image -eq '') { return $driver }
    $driver.file = $image -replace '^\\SystemRoot\\', "$env:SystemRoot\" -replace '^\\\?\?\\', '' -replace '^System32\\', "$env:SystemRoot\System32\"
    $file = Get-Item -LiteralPath $driver.file -ErrorAction SilentlyContinue
    if ($null -ne $file) {
        $driver.present = $true
        $driver.version = "$($file.VersionInfo.FileVersion)"
    }
    $driver
}

$problems = @()
$drivers = @()
foreach ($name in @($Parameters.boot_services)) {
    $d = Get-Driver -Name $name
    $drivers += $d
    # Start is 0 once Plug and Play has bound a device; only then does the template boot from that bus.
    if (-not $d.present) { $problems += "the storage driver $name is not installed" }
    elseif ($d.start -ne 0) { $problems += "the storage driver $name has Start=$($d.start), not 0: it was never bound to a device" }
}
foreach ($name in @($Parameters.services)) {
    $d = Get-Driver -Name $name
    $drivers += $d
    if (-not $d.present) { $problems += "the driver $name is not installed" }
}
$devices = @()
foreach ($d in @(Get-CimInstance -ClassName Win32_PnPEntity -Filter 'ConfigManagerErrorCode <> 0')) {
    if ("$($d.DeviceID)" -like 'PCI\VEN_1AF4*') {
        $devices += @{ id = "$($d.DeviceID)"; code = [int]$d.ConfigManagerErrorCode }
        $problems += "the device $($d.DeviceID) has problem code $($d.ConfigManagerErrorCode)"
    }
}
Complete-Operation -Result @{
    ok       = ($problems.Count -eq 0)
    drivers  = $drivers
    tools    = (Get-InstalledVersion -Product 'Virtio-win-driver-installer')
    devices  = $devices
    problems = $problems
}
