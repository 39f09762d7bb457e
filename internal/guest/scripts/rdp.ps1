$server = 'HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server'
$tcp = "$server\WinStations\RDP-Tcp"
foreach ($key in $server, $tcp) { if (-not (Test-Path -LiteralPath $key)) { New-Item -Path $key -Force | Out-Null } }
Set-ItemProperty -LiteralPath $server -Name 'fDenyTSConnections' -Value ([int](-not $Parameters.enable)) -Type DWord
Set-ItemProperty -LiteralPath $tcp -Name 'UserAuthentication' -Value ([int][bool]$Parameters.nla) -Type DWord
# The group by its resource: its name is in Windows' language.
$rules = @(Get-NetFirewallRule -Group '@FirewallAPI.dll,-28752' -ErrorAction SilentlyContinue)
if ($rules.Count -eq 0) { Stop-Operation -Code 'no-rules' -Message 'the firewall has no rules of the group @FirewallAPI.dll,-28752 (Remote Desktop)' }
if ($Parameters.enable) { $rules | Enable-NetFirewallRule } else { $rules | Disable-NetFirewallRule }
Complete-Operation -Result @{ enabled = [bool]$Parameters.enable; nla = [bool]$Parameters.nla; rules = $rules.Count }
