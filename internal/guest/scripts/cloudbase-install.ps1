$folder = "$env:ProgramFiles\Cloudbase Solutions\Cloudbase-Init"
Send-Beacon -Stage 'guest.cloudbase.install' -State 'start'
$r = @{ exit_code = 0; log = ''; reboot = $false }
if ((Get-ServiceStart -Name 'cloudbase-init') -lt 0) { $r = Install-Package -Package $Parameters -LogName 'cloudbase-init' }
# The MSI leaves the service automatic: at the next restart of the build it would rename the machine
# and change the password that the build logs on with. Only the seal arms it.
if ((Get-ServiceStart -Name 'cloudbase-init') -lt 0) {
    Stop-Operation -Code 'no-service' -Message "the installation ended with $($r.exit_code), but there is no service cloudbase-init; is $($Parameters.path) cloudbase-init's installer?"
}
Set-Service -Name 'cloudbase-init' -StartupType Disabled
if (Test-ServiceRunning -Name 'cloudbase-init') { Stop-Service -Name 'cloudbase-init' -Force }
$start = Get-ServiceStart -Name 'cloudbase-init'
if ($start -ne 4) { Stop-Operation -Code 'not-disabled' -Message "the service cloudbase-init has Start=$start after it was disabled, expected 4" }
foreach ($file in 'bin\OpenStackService.exe', 'Python\Scripts\cloudbase-init.exe') {
    if (-not (Test-Path -LiteralPath "$folder\$file")) { Stop-Operation -Code 'incomplete' -Message "$folder\$file is not there after the installation" }
}
Send-Beacon -Stage 'guest.cloudbase.install' -State 'ok'
Complete-Operation -Reboot $r.reboot -Result @{
    exit_code     = $r.exit_code
    log           = $r.log
    version       = (Get-InstalledVersion -Product 'Cloudbase-Init*')
    folder        = $folder
    service_start = $start
}
