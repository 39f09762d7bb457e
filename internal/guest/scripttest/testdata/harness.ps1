# Runs a launcher with stubs in Windows' place. Standard input is the request.
#   pwsh -File harness.ps1 LAUNCHER SCENARIO
param([string]$Launcher, [string]$Scenario)
# Before the first unknown name is looked up: Windows PowerShell reads every module of the machine for one, which takes
# many seconds on a machine with many, and keeps what it has read only if it lives long enough (actions/runner-images#8495).
# The modules that the language is little without are loaded now.
Import-Module -Name Microsoft.PowerShell.Management, Microsoft.PowerShell.Utility, Microsoft.PowerShell.Security -ErrorAction Stop
$global:PSModuleAutoLoadingPreference = 'None'
# The engine that these tests are mostly run by has New-Stub, a registry in memory and a drive C: of its own.
# Windows PowerShell has neither: ours take their place. WT_OWN_STUBS has our New-Stub tried by the engine too.
$engine = $null -ne (Get-Command -Name New-Stub -ErrorAction SilentlyContinue)
# Read before drive C: is another: the files lie on the real one. A scenario may be empty.
$texts = foreach ($file in "$PSScriptRoot/library.ps1", $Scenario, $Launcher) { "$(Get-Content -LiteralPath $file -Raw -Encoding UTF8)" }
$global:LauncherText = $texts[2]
if (-not $engine) { . $PSScriptRoot/windows.ps1 }
if (-not $engine -or $env:WT_OWN_STUBS) { . $PSScriptRoot/stub.ps1 }
if (-not $engine) { Enter-TestDrive }
. ([ScriptBlock]::Create($texts[0]))
. ([ScriptBlock]::Create($texts[1]))
try {
    $input | & ([ScriptBlock]::Create($global:LauncherText))
} finally {
    if (-not $engine) { Save-TestRegistry }
}
