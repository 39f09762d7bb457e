$key = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU'
if (-not (Test-Path -LiteralPath $key)) { New-Item -Path $key -Force | Out-Null }
Set-ItemProperty -LiteralPath $key -Name 'NoAutoUpdate' -Value 1 -Type DWord
$services = @()
foreach ($name in 'wuauserv', 'UsoSvc', 'bits', 'dosvc') {
    if ((Get-ServiceStart -Name $name) -lt 0) { continue }
    if (Test-ServiceRunning -Name $name) { Stop-Service -Name $name -Force -ErrorAction SilentlyContinue }
    $services += @{ name = $name; present = $true; running = (Test-ServiceRunning -Name $name); start = (Get-ServiceStart -Name $name) }
}
Complete-Operation -Result @{ services = $services }
