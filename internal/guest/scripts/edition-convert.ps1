$version = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
$from = [string](Get-RegistryValue -Key $version -Name 'EditionID' -Default '')
if ($from -eq $Parameters.target) { return Complete-Operation -Result @{ from = $from; exit_code = 0; targets = @() } }
$pending = @(Get-PendingReboot | Where-Object { $_ -ne 'file-rename' })
if ($pending.Count -gt 0) { Stop-Operation -Code 'pending-reboot' -Message "a restart is pending ($($pending -join ', ')), with which an edition cannot be changed" }
if ([int](Get-CimInstance -ClassName Win32_ComputerSystem).DomainRole -ge 4) { Stop-Operation -Code 'domain-controller' -Message 'the edition of a domain controller cannot be changed' }
$targets = @(Get-WindowsEdition -Online -Target | ForEach-Object { "$($_.Edition)" })
if ($Parameters.target -notin $targets) {
    Stop-Operation -Code 'no-target' -Message "$from cannot become $($Parameters.target); it can become $($targets -join ', '). A client's evaluation cannot be converted, and a Datacenter one becomes Datacenter only"
}
$arguments = @('/Online', "/Set-Edition:$($Parameters.target)", "/ProductKey:$($Parameters.product_key)", '/AcceptEula', '/Quiet', '/NoRestart')
$code = Invoke-Program -File 'dism.exe' -Arguments $arguments -TimeoutSeconds $Parameters.timeout_seconds
if ($code -notin 0, 3010) { Stop-Operation -Code 'dism' -Message "dism.exe /Set-Edition:$($Parameters.target) ended with $code; its log is $env:SystemRoot\Logs\DISM\dism.log in the guest" }
Complete-Operation -Reboot $true -Result @{ from = $from; exit_code = $code; targets = $targets }
