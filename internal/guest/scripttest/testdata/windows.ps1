# Keeps the tests off the machine that they run on: on Windows, HKLM: is a key of the user's own, which the test
# fills from $env:PWSH_REGISTRY and saves there, and C: is the folder $env:PWSH_C. The scripts reach both by those
# drives alone; the functions that do not are replaced, here and in library.ps1. A drive that could not be replaced
# ends the test: the scripts empty folders and delete keys.

# Marker is an item of the root that the drive must show.
function global:Set-TestDrive([string]$Name, [string]$Provider, [string]$Root, [string]$Marker) {
    if (Get-PSDrive -Name $Name -ErrorAction SilentlyContinue) { Remove-PSDrive -Name $Name -Force -ErrorAction Stop }
    New-PSDrive -Name $Name -PSProvider $Provider -Root $Root -Scope Global -ErrorAction Stop | Out-Null
    if (-not (Test-Path -LiteralPath "${Name}:\$Marker")) { throw "drive ${Name}: shows no ${Marker}: it is not $Root" }
    Remove-Item -LiteralPath "${Name}:\$Marker"
}

$global:TestKey = "HKCU:\Software\wintemplate-test-$PID"
if (Test-Path -LiteralPath $global:TestKey) { Remove-Item -LiteralPath $global:TestKey -Recurse -Force }
foreach ($hive in 'HKLM', 'HKU') {
    New-Item -Path "$global:TestKey\$hive\marker-$PID" -Force -ErrorAction Stop | Out-Null
    Set-TestDrive -Name $hive -Provider Registry -Root "HKEY_CURRENT_USER\Software\wintemplate-test-$PID\$hive" -Marker "marker-$PID"
}

function global:Restore-TestRegistry {
    if (-not (Test-Path -LiteralPath $env:PWSH_REGISTRY)) { return }
    $all = ConvertFrom-Json -InputObject (Get-Content -LiteralPath $env:PWSH_REGISTRY -Raw -Encoding UTF8)
    foreach ($key in $all.PSObject.Properties) {
        $path = $key.Name -replace '^HKLM\\', 'HKLM:\'
        if (-not (Test-Path -LiteralPath $path)) { New-Item -Path $path -Force | Out-Null }
        foreach ($v in $key.Value.PSObject.Properties) {
            New-ItemProperty -LiteralPath $path -Name $v.Name -PropertyType $v.Value.type -Value $v.Value.value -Force | Out-Null
        }
    }
}

function global:Save-TestRegistry {
    $all = @{}
    foreach ($k in @(Get-ChildItem -LiteralPath "$global:TestKey\HKLM" -Recurse)) {
        $values = @{}
        foreach ($name in $k.GetValueNames()) { $values[$name] = @{ type = "$($k.GetValueKind($name))"; value = $k.GetValue($name, $null, 'DoNotExpandEnvironmentNames') } }
        $all[$k.Name.Substring($k.Name.IndexOf('\HKLM\') + 1)] = $values
    }
    [IO.File]::WriteAllText($env:PWSH_REGISTRY, (ConvertTo-Json -InputObject $all -Depth 6 -Compress))
    # A scenario may have a stub in its place.
    Microsoft.PowerShell.Management\Remove-Item -LiteralPath $global:TestKey -Recurse -Force
}
Restore-TestRegistry

# The scripts leave HKLM: for the provider's own path in one place.
function global:Test-ConvertToProviderPath([string]$Key) { $Key -replace '^HKLM:?\\', 'HKLM:\' -replace '^HKU\\', 'HKU:\' -replace '^Registry::HKEY_LOCAL_MACHINE\\', 'HKLM:\' }
Set-Alias -Name ConvertTo-ProviderPath -Value Test-ConvertToProviderPath -Scope Global

# The tests' folder lies on the real C:, which is called by its whole path from here on.
foreach ($folder in 'Windows\Temp', 'Windows\System32', 'Program Files', 'ProgramData', 'Users') { New-Item -ItemType Directory -Path "$env:PWSH_C\$folder" -Force | Out-Null }
$global:TestRoot = (Get-Item -LiteralPath $env:PWSH_C).FullName

function global:Enter-TestDrive {
    Set-Location -Path Env:\
    [IO.File]::WriteAllText((Join-Path -Path $global:TestRoot -ChildPath "marker-$PID"), '')
    Set-TestDrive -Name C -Provider FileSystem -Root $global:TestRoot -Marker "marker-$PID"
    $env:SystemDrive = 'C:'
    $env:SystemRoot = 'C:\Windows'
    $env:ProgramData = 'C:\ProgramData'
    $env:ProgramFiles = 'C:\Program Files'
    # Else the user's, which may be of another drive.
    $env:TEMP = 'C:\Windows\Temp'
    $env:TMP = $env:TEMP
}
