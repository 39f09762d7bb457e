# Starts cloudbase-init in a clone, once, after its setup. The service is then started at every boot.
param([int]$WaitSeconds = 0)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Continue'

# The metadata server is looked for among the DHCP servers once, and not again until the next restart.
for ($i = 0; $i -lt $WaitSeconds; $i += 2) {
    $leases = @(Get-CimInstance -ClassName Win32_NetworkAdapterConfiguration -Filter 'IPEnabled = TRUE AND DHCPEnabled = TRUE' | Where-Object { "$($_.DHCPServer)" -notin '', '255.255.255.255' })
    if ($leases.Count -gt 0) { break }
    Start-Sleep -Seconds 2
}
& sc.exe config cloudbase-init start= delayed-auto depend= winmgmt/nsi/profsvc/Dhcp | Out-Null
$configured = $LASTEXITCODE
& sc.exe start cloudbase-init | Out-Null
# 1056: it runs already.
if ($configured -ne 0 -or $LASTEXITCODE -notin 0, 1056) { exit 1 }
# This script.
Remove-Item -LiteralPath "$env:SystemRoot\Setup\Scripts\wintemplate-setupcomplete.ps1" -Force
exit 0
