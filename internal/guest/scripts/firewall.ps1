$groups = @()
foreach ($group in @($Parameters.groups)) {
    $rules = @(Get-NetFirewallRule -Group $group -ErrorAction SilentlyContinue)
    if ($rules.Count -eq 0) { Stop-Operation -Code 'no-rules' -Message "the firewall has no rules of the group $group; a group is named by its resource, such as @FirewallAPI.dll,-28502" }
    $rules | Enable-NetFirewallRule
    $groups += @{ group = $group; rules = $rules.Count }
}
if ($Parameters.ping) {
    $rules = @(Get-NetFirewallRule -Name 'FPS-ICMP4-ERQ-In', 'FPS-ICMP6-ERQ-In', 'CoreNet-Diag-ICMP4-EchoRequest-In', 'CoreNet-Diag-ICMP6-EchoRequest-In' -ErrorAction SilentlyContinue)
    if ($rules.Count -eq 0) { Stop-Operation -Code 'no-rules' -Message 'the firewall has none of the rules for ICMP echo requests' }
    $rules | Enable-NetFirewallRule
}
if ($Parameters.state -ne '') { Set-NetFirewallProfile -All -Enabled $(if ($Parameters.state -eq 'on') { 'True' } else { 'False' }) }
Complete-Operation -Result @{ groups = $groups }
