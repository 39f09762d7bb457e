# Runs a launcher with stubs in Windows' place. Standard input is the request.
#   pwsh -File harness.ps1 LAUNCHER SCENARIO
param([string]$Launcher, [string]$Scenario)
. $PSScriptRoot/library.ps1
. $Scenario
$global:LauncherText = Get-Content -LiteralPath $Launcher -Raw
$input | & ([ScriptBlock]::Create($global:LauncherText))
