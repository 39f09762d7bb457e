# Runs bootstrap.ps1 from C:\disc after a scenario has changed the machine, and
# prints what the host would see and what became of the machine, as JSON.
param([string]$Script, [string]$Scenario)
. $PSScriptRoot/windows.ps1
if ($Scenario) { . ([scriptblock]::Create($Scenario)) }
$global:LASTEXITCODE = 0
& $Script -Source 'C:\disc\wintemplate'
$code = $LASTEXITCODE
$policy = Get-ItemProperty -Path HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System -ErrorAction SilentlyContinue
$basic = Get-ItemProperty -Path HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Service -ErrorAction SilentlyContinue
ConvertTo-Json -Depth 5 -Compress -InputObject @{
    com1      = @($global:Com1)
    code      = $code
    listeners = @($global:State.Listeners)
    rules     = @($global:State.Rules)
    wsman     = $global:State.WSMan
    category  = $global:State.Category
    slept     = $global:State.Slept
    filter    = $policy.LocalAccountTokenFilterPolicy
    basic     = $basic.auth_basic
    killed    = @($global:State.Killed)
    started   = $global:State.Started
}
