# A network adapter that the build's machine once had keeps its name and its address: the clone's becomes
# "Ethernet 2", or a static address is taken by a ghost. Never storage controllers: a clone boots from them.
# The adapter that is there carries the connection: it is the seal's.
$removed = @()
$left = @()
foreach ($ghost in @(Get-NetworkDevice -Present $false)) {
    try { $code = Remove-Device -InstanceId $ghost } catch { $code = -1 }
    if ($code -eq 0) { $removed += $ghost } else { $left += $ghost }
}
$list = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\NetworkList'
foreach ($key in "$list\Profiles", "$list\Signatures\Managed", "$list\Signatures\Unmanaged") {
    foreach ($k in @(Get-ChildItem -LiteralPath $key -ErrorAction SilentlyContinue)) { Remove-Item -Path "$key\$($k.PSChildName)" -Recurse -Force }
}
Complete-Operation -Result @{ removed = $removed; left = $left }
