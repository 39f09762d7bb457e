# A network adapter that the build's machine once had keeps its name and its address: the clone's becomes
# "Ethernet 2", or a static address is taken by a ghost. Never storage controllers: a clone boots from them.
$removed = @()
$left = @()
$ghosts = @(Get-PnpDevice -Class 'Net' -ErrorAction SilentlyContinue | Where-Object { -not $_.Present -and "$($_.InstanceId)" -like 'PCI\*' })
$build = [int](Get-RegistryValue -Key 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' -Name 'CurrentBuildNumber' -Default 0)
foreach ($ghost in $ghosts) {
    # pnputil has /remove-device from Windows 10 2004 on.
    if ($build -lt 19041) { $left += "$($ghost.InstanceId)"; continue }
    & pnputil.exe /remove-device "$($ghost.InstanceId)" | Out-Null
    if ($LASTEXITCODE -in 0, 3010) { $removed += "$($ghost.InstanceId)" } else { $left += "$($ghost.InstanceId)" }
}
$list = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\NetworkList'
foreach ($key in "$list\Profiles", "$list\Signatures\Managed", "$list\Signatures\Unmanaged") {
    foreach ($k in @(Get-ChildItem -LiteralPath $key -ErrorAction SilentlyContinue)) { Remove-Item -Path "$key\$($k.PSChildName)" -Recurse -Force }
}
Complete-Operation -Result @{ removed = $removed; left = $left }
