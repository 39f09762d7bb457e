# New-Stub for a PowerShell that has none of its own: powershell.exe of Windows.
#   New-Stub NAME { block }
# defines a function with the command's parameters, as signatures.json has them for Windows PowerShell 5.1 on
# build 14393 (PSScriptAnalyzer's compatibility data, MIT), else as the command here has them. The block sees each
# parameter as a variable and those given as $Parameters; one with param() gets what it names. For a program
# (NAME ends in .exe) it gets $args, and $LASTEXITCODE is 0 unless it says otherwise. Each call is one line of JSON
# in $env:PWSH_CALLS.
# Whatever would change the machine and has no stub is refused.

$global:StubSignatures = ConvertFrom-Json -InputObject (Get-Content -LiteralPath "$PSScriptRoot/signatures.json" -Raw -Encoding UTF8)
$global:StubBlocks = @{}

function global:ConvertTo-StubRecord($Value) {
    if ($null -eq $Value -or $Value -is [string] -or $Value -is [bool]) { return $Value }
    if ($Value -is [Management.Automation.SwitchParameter]) { return [bool]$Value }
    if ($Value -is [Collections.IDictionary]) {
        $map = @{}
        foreach ($k in @($Value.Keys)) { $map["$k"] = ConvertTo-StubRecord $Value[$k] }
        return $map
    }
    if ($Value -is [array]) { return , @(foreach ($v in $Value) { ConvertTo-StubRecord $v }) }
    if ($Value -is [ValueType]) { return $Value }
    if ($Value -is [Management.Automation.PSCustomObject]) {
        $map = @{}
        foreach ($p in $Value.PSObject.Properties) { $map[$p.Name] = ConvertTo-StubRecord $p.Value }
        return $map
    }
    "$Value"
}

function global:Add-StubRecord([hashtable]$Call) {
    if (-not $env:PWSH_CALLS) { return }
    [IO.File]::AppendAllText($env:PWSH_CALLS, (ConvertTo-Json -InputObject $Call -Depth 8 -Compress) + "`n")
}

function global:Get-StubParameters([string]$Name) {
    $parameters = @{}
    $order = @()
    $known = $global:StubSignatures.PSObject.Properties[$Name]
    if ($null -ne $known) {
        foreach ($p in $known.Value.PSObject.Properties) { $parameters[$p.Name] = $p.Value; $order += $p.Name }
        return @{ Types = $parameters; Order = $order }
    }
    $command = Get-Command -Name $Name -CommandType Cmdlet, Function -ErrorAction Stop | Select-Object -First 1
    $common = [Management.Automation.PSCmdlet]::CommonParameters
    foreach ($p in $command.Parameters.Values) {
        if ($common -contains $p.Name) { continue }
        $parameters[$p.Name] = if ($p.SwitchParameter) { 'switch' } elseif ($p.ParameterType.IsArray) { 'object[]' } else { 'object' }
        $order += $p.Name
    }
    @{ Types = $parameters; Order = $order }
}

function global:New-StubCommand([string]$Name) {
    $signature = Get-StubParameters -Name $Name
    $whatIf = $signature.Order -contains 'WhatIf'
    $position = 0
    $list = foreach ($p in $signature.Order) {
        if ($p -in 'WhatIf', 'Confirm') { continue }
        $type = $signature.Types[$p]
        if ($type -eq 'switch') { "[Parameter()][switch]`${$p}"; continue }
        $attributes = "Position=$position, ValueFromPipelineByPropertyName=`$true"
        $position++
        if ($p -eq 'InputObject') { $attributes += ', ValueFromPipeline=$true' }
        # Windows' own types are left away: a stub answers with objects of its own.
        $cast = switch -Regex ($type) { '^string\[\]$' { '[string[]]' } '^string$' { '[string]' } '^int(32)?$' { '[int]' } '\[\]$' { '[object[]]' } default { '' } }
        "[Parameter($attributes)]$cast`${$p}"
    }
    $binding = if ($whatIf) { '[CmdletBinding(SupportsShouldProcess=$true)]' } else { '[CmdletBinding()]' }
    $text = "$binding`nparam($($list -join ",`n"))`nprocess {
    `$Parameters = @{}
    foreach (`$StubKey in @(`$PSBoundParameters.Keys)) { `$Parameters[`$StubKey] = `$PSBoundParameters[`$StubKey] }
    Add-StubRecord @{ command = '$Name'; parameters = (ConvertTo-StubRecord `$Parameters) }
    if (`$Parameters.ContainsKey('WhatIf') -and `$Parameters['WhatIf']) { return }
    `$StubBlock = `$global:StubBlocks['$Name']
    `$StubNamed = @{}
    if (`$null -ne `$StubBlock.Ast.ParamBlock) {
        foreach (`$StubKey in @(`$StubBlock.Ast.ParamBlock.Parameters | ForEach-Object { `$_.Name.VariablePath.UserPath })) {
            if (`$Parameters.ContainsKey(`$StubKey)) { `$StubNamed[`$StubKey] = `$Parameters[`$StubKey] }
        }
    }
    & `$StubBlock @StubNamed
}"
    Set-Item -Path "Function:global:$Name" -Value ([ScriptBlock]::Create($text)) -Force
}

function global:New-StubProgram([string]$Name) {
    $text = "Add-StubRecord @{ command = '$Name'; args = @(foreach (`$a in `$args) { `"`$a`" }) }
`$global:LASTEXITCODE = 0
& `$global:StubBlocks['$Name'] @args"
    Set-Item -Path "Function:global:$Name" -Value ([ScriptBlock]::Create($text)) -Force
}

function global:New-Stub([string]$Name, [scriptblock]$Block = {}) {
    $global:StubBlocks[$Name] = $Block
    if ($Name -like '*.exe') { New-StubProgram -Name $Name } else { New-StubCommand -Name $Name }
}

# A command line, taken apart as Windows programs do.
function global:Split-CommandLine([string]$Line) {
    foreach ($m in [regex]::Matches($Line, '(?:[^\s"]|\\"|"(?:[^"\\]|\\.|\\)*")+')) { $m.Value -replace '(?<!\\)"', '' -replace '\\"', '"' }
}

# Programs are started by functions of their names only.
New-Stub Start-Process {
    $leaf = $FilePath.Substring($FilePath.LastIndexOfAny([char[]]'\/') + 1)
    if (-not $global:StubBlocks.ContainsKey($leaf)) { throw "$leaf is not stubbed" }
    $words = @(Split-CommandLine -Line (@($ArgumentList | Where-Object { $_ }) -join ' '))
    $null = & $leaf @words
    if (-not $PassThru) { return }
    $p = [pscustomobject]@{ Id = 4711; Handle = 1; HasExited = $true; ExitCode = $global:LASTEXITCODE }
    $p | Add-Member -MemberType ScriptMethod -Name WaitForExit -Value { $true }
    $p | Add-Member -MemberType ScriptMethod -Name Kill -Value { }
    $p
}

function global:New-Refusal([string]$Name) { [ScriptBlock]::Create("throw '$($Name.Replace("'", "''")) is not stubbed'") }

# What is looked up by its path runs its stub; what has none, and could change the machine, is refused. Not by an
# exception here: PowerShell passes over those (CommandDiscovery.LookupCommandInfo) and runs the command.
$global:StubHarmless = 'New-Object', 'New-Item', 'New-ItemProperty', 'New-PSDrive', 'New-TimeSpan', 'New-Variable', 'New-Refusal', 'New-Stub', 'New-StubCommand', 'New-StubProgram', 'Set-Alias', 'Set-Content', 'Set-Item',
'Set-ItemProperty', 'Set-Location', 'Set-StrictMode', 'Set-Variable', 'Remove-Item', 'Remove-ItemProperty', 'Remove-PSDrive', 'Remove-Variable', 'Add-Content', 'Add-Member', 'Add-Type',
'Add-StubRecord', 'Clear-Content', 'Invoke-Command', 'Invoke-Expression', 'Rename-Item', 'Write-Output', 'Write-Error', 'Write-Verbose', 'Write-Warning', 'Write-Debug', 'Write-Progress'
$global:StubChanging = '^(Set|New|Remove|Enable|Disable|Stop|Start|Restart|Add|Clear|Install|Uninstall|Register|Unregister|Mount|Dismount|Initialize|Format|Rename|Reset|Resize|Repair|Optimize|Invoke|Update|Send|Suspend|Resume|Grant|Revoke|Unblock|Import)-'
$ExecutionContext.InvokeCommand.PreCommandLookupAction = {
    param($Name, $Event)
    $leaf = $Name.Substring($Name.LastIndexOfAny([char[]]'\/') + 1)
    if ($leaf -like '*.exe') {
        if (-not $global:StubBlocks.ContainsKey($leaf)) { $Event.CommandScriptBlock = New-Refusal -Name $leaf; return }
        if ($leaf -ne $Name) { $Event.CommandScriptBlock = [ScriptBlock]::Create("& '$leaf' @args") }
        return
    }
    if ($leaf -match $global:StubChanging -and $leaf -notin $global:StubHarmless -and -not (Test-Path -LiteralPath "Function:\$leaf") -and -not (Test-Path -LiteralPath "Alias:\$leaf")) { $Event.CommandScriptBlock = New-Refusal -Name $leaf }
}
