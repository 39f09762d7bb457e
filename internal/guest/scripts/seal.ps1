$scripts = "$env:SystemRoot\Setup\Scripts"
$windows = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion'

function ConvertTo-ProviderPath([string]$Key) {
    $Key -replace '^HKLM:?\\', 'Registry::HKEY_LOCAL_MACHINE\' -replace '^HKU\\', 'Registry::HKEY_USERS\' -replace '^HKCU\\', 'Registry::HKEY_CURRENT_USER\'
}

function Remove-IfThere([string[]]$Path) {
    foreach ($p in $Path) { Remove-Tree -Path (ConvertTo-ProviderPath -Key $p) }
}

# Overwrites a file where it lies: its clusters are free after its deletion, and can still be read.
# What cannot be overwritten is deleted all the same, and trimmed at the end.
function Clear-File($File) {
    # Installers and their like hold no secret.
    if ($File.Length -gt 16MB) { return }
    try {
        $File.IsReadOnly = $false
        $stream = $File.Open('Open', 'Write', 'None')
        try {
            $zeros = New-Object -TypeName byte[] -ArgumentList 65536
            for ($left = $stream.Length; $left -gt 0; $left -= $zeros.Length) {
                $stream.Write($zeros, 0, [int][Math]::Min($left, $zeros.Length))
            }
            $stream.Flush($true)
        } finally {
            $stream.Dispose()
        }
    } catch {
        Write-Verbose -Message "$_"
    }
}

# Files, or folders with all in them, that may hold a password.
function Remove-Secret([string[]]$Path) {
    foreach ($p in $Path) {
        # Apart, since Get-ChildItem -Recurse has had more than one opinion of a file (PowerShell#5699).
        $files = @(Get-Item -LiteralPath $p -Force -ErrorAction SilentlyContinue)
        if ($files.Count -eq 1 -and $files[0].PSIsContainer) { $files = @(Get-ChildItem -LiteralPath $p -Recurse -Force -ErrorAction SilentlyContinue | Where-Object { -not $_.PSIsContainer }) }
        foreach ($f in $files) { Clear-File -File $f }
        Remove-IfThere -Path $p
    }
}

# A text is overwritten first, by one of its length, which the registry puts into the same cell:
# a cell that is only freed keeps what it held.
function Remove-RegistryValue([string]$Key, [string]$Name) {
    $k = Get-Item -LiteralPath $Key -ErrorAction SilentlyContinue
    if ($null -eq $k -or @($k.Property) -notcontains $Name) { return }
    $old = $k.GetValue($Name)
    if ($old -is [string] -and $old.Length -gt 0) { Set-ItemProperty -LiteralPath $Key -Name $Name -Value ('0' * $old.Length) -Force }
    Remove-ItemProperty -LiteralPath $Key -Name $Name -Force
}

function Undo-RegistryValue($s) {
    $key = ConvertTo-ProviderPath -Key $s.key
    if (-not $s.restore) { Remove-RegistryValue -Key $key -Name $s.name; return }
    $k = Get-Item -LiteralPath $key -ErrorAction SilentlyContinue
    if ($null -eq $k -or @($k.Property) -notcontains $s.name) { return }
    $type = 'String'
    $data = "$($s.data)"
    if ($s.type -eq 'REG_DWORD') { $type = 'DWord'; $data = [int]$s.data }
    New-ItemProperty -LiteralPath $key -Name $s.name -PropertyType $type -Value $data -Force | Out-Null
}

function Remove-Listener([string]$Transport) {
    $selector = @{ Address = '*'; Transport = $Transport }
    try {
        Remove-WSManInstance -ResourceURI 'winrm/config/Listener' -SelectorSet $selector
    } catch {
        # The service refuses every change while one connection is Public (2150859113): then in the registry.
        Remove-IfThere -Path "$windows\WSMAN\Listener\*+$Transport"
    }
    foreach ($address in '0.0.0.0:5986', '[::]:5986') {
        # Ends with 1 when there is no such binding, as is right.
        & netsh.exe http delete sslcert "ipport=$address" | Out-Null
    }
    if (Test-Path -LiteralPath "$windows\WSMAN\Listener\*+$Transport") { throw "the WinRM listener $Transport is still there" }
}

# With its key: deleting the certificate alone leaves the key in every clone.
function Remove-BuildCertificate([string]$Sha256) {
    $hasher = [Security.Cryptography.SHA256]::Create()
    foreach ($c in @(Get-ChildItem -LiteralPath 'Cert:\LocalMachine\My')) {
        $hash = -join @($hasher.ComputeHash($c.RawData) | ForEach-Object { $_.ToString('x2') })
        if ($hash -eq $Sha256) { Remove-Item -LiteralPath "Cert:\LocalMachine\My\$($c.Thumbprint)" -DeleteKey -Force }
    }
}

function Get-Before([string]$Id) {
    if ($null -eq $script:before) { throw "$($Parameters.folder)\bootstrap.before.json is not there, so what $Id was before the build is not known" }
    $script:before
}

function Undo-WSManItem($s) {
    # A connection may have become Public in the meantime, and then WinRM refuses to be configured.
    Get-NetConnectionProfile -ErrorAction SilentlyContinue | Where-Object { "$($_.NetworkCategory)" -eq 'Public' } | Set-NetConnectionProfile -NetworkCategory Private
    $value = (Get-Before -Id $s.id).wsman.($s.name)
    $uri = 'winrm/config'
    $name = $s.name
    if ($name -like 'Shell\*') { $uri = 'winrm/config/winrs'; $name = $name.Substring(6) }
    Set-WSManInstance -ResourceURI $uri -ValueSet @{ $name = "$value" } | Out-Null
}

function Undo-Service($s) {
    $b = Get-Before -Id $s.id
    $start = switch ([int]$b.winrm_start) { 2 { 'auto' } 3 { 'demand' } 4 { 'disabled' } default { throw "the start type $($b.winrm_start) of $($s.name) before the build is none" } }
    if ($start -eq 'auto' -and $b.winrm_delayed) { $start = 'delayed-auto' }
    & sc.exe config $s.name start= $start | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "sc.exe config $($s.name) ended with $LASTEXITCODE" }
}

function Undo-Setting($s) {
    switch ($s.kind) {
        'registry-value' { Undo-RegistryValue $s }
        'registry-key' { Remove-IfThere -Path (ConvertTo-ProviderPath -Key $s.key) }
        'firewall-rule' { Get-NetFirewallRule -Name $s.name -ErrorAction SilentlyContinue | Remove-NetFirewallRule }
        'winrm-listener' { Remove-Listener -Transport $s.name }
        'wsman-item' { Undo-WSManItem $s }
        'service' { Undo-Service $s }
        'certificate' { if ($Parameters.certificate_sha256 -ne '') { Remove-BuildCertificate -Sha256 $Parameters.certificate_sha256 } }
        'folder' { Remove-Secret -Path $s.name }
        default { throw "the setting $($s.id) is of the unknown kind $($s.kind)" }
    }
}

function Remove-Autologon {
    $winlogon = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon'
    if (Test-Path -LiteralPath $winlogon) { Set-ItemProperty -LiteralPath $winlogon -Name 'AutoAdminLogon' -Value '0' -Type String }
    foreach ($name in 'AutoLogonCount', 'AutoLogonSID', 'DefaultUserName', 'DefaultPassword', 'DefaultDomainName', 'ForceAutoLogon') { Remove-RegistryValue -Key $winlogon -Name $name }
    # The answer file's AutoLogon may lie in LSA's store, which SYSTEM alone may open.
    Remove-IfThere -Path 'HKLM:\SECURITY\Policy\Secrets\DefaultPassword'
    $run = Get-Item -LiteralPath "$windows\Run" -ErrorAction SilentlyContinue
    if ($null -ne $run) { foreach ($name in @($run.Property | Where-Object { $_ -like 'Unattend*' })) { Remove-RegistryValue -Key "$windows\Run" -Name $name } }
}

# Each of these is found by Setup or sysprep before, or instead of, the file that we give.
function Remove-StaleAnswers {
    $panther = "$env:SystemRoot\Panther"
    Remove-Secret -Path "$panther\unattend.xml", "$panther\unattend-original.xml", "$panther\Unattend", "$panther\autounattend.xml", "$sysprep\unattend.xml", "$env:SystemDrive\unattend.xml", "$env:SystemDrive\autounattend.xml"
    Remove-RegistryValue -Key 'HKLM:\SYSTEM\Setup' -Name 'UnattendFile'
}

# The user's own SetupComplete.cmd is kept, and called by ours in a cmd.exe of its own, so that its exit ends only itself.
function Set-SetupComplete {
    if ($Parameters.setup_complete -eq '') { return }
    $file = "$scripts\SetupComplete.cmd"
    if ((Test-Path -LiteralPath $file) -and "$(Get-Content -LiteralPath $file -Raw)" -notlike '*wintemplate-setupcomplete*') {
        Move-Item -LiteralPath $file -Destination "$scripts\SetupComplete.user.cmd" -Force
    }
    Write-Text -Path $file -Text $Parameters.setup_complete
    Write-Text -Path "$scripts\wintemplate-setupcomplete.ps1" -Text $Parameters.setup_complete_script
}

# By the SID: where C:\Users has a folder of the account's name already, Windows calls the profile's NAME.HOST, or
# NAME.HOST.000.
function Get-ProfileFolder([string]$Sid) {
    $k = Get-Item -LiteralPath "HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\$Sid" -ErrorAction SilentlyContinue
    if ($null -eq $k) { return '' }
    "$($k.GetValue('ProfileImagePath'))"
}

function Remove-BuildAccount([string]$Name) {
    $user = Get-LocalUser -Name $Name -ErrorAction SilentlyContinue
    if ($null -eq $user -or "$($user.SID)" -like '*-500') { return }
    $folder = Get-ProfileFolder -Sid "$($user.SID)"
    # The profile stays loaded for a while after the last session, or sysprep's task, has gone.
    for ($try = 0; ; $try++) {
        try {
            Get-CimInstance -ClassName Win32_UserProfile -Filter "SID = '$($user.SID)'" | Remove-CimInstance
            # The key goes first, and what was in use stays behind.
            if ($folder -ne '') { Remove-IfThere -Path $folder }
            break
        } catch {
            if ($try -ge 12) { throw }
            Start-Sleep -Seconds 5
        }
    }
    Remove-LocalUser -Name $Name
}

# Last, when nothing is left that needs the network: a clone whose adapter is in another slot would get
# "Ethernet 2" otherwise. Its driver stays in the driver store. The template is good without this.
function Reset-Network {
    foreach ($device in @(Get-NetworkDevice -Present $true)) {
        try { $code = Remove-Device -InstanceId $device } catch { $code = "$_" }
        if ("$code" -ne '0') { Send-Beacon -Stage 'seal' -State 'info' -Text "the network adapter $device was not removed: $code" }
    }
}

function Close-Build {
    $errors = @()
    foreach ($step in @(
            { foreach ($s in @($Parameters.reverts | Where-Object { $_.late -and $_.kind -ne 'registry-value' -and $_.kind -ne 'folder' })) { Undo-Setting $s } },
            { if ($Parameters.winrm) { Stop-Service -Name 'WinRM' -Force } },
            { foreach ($s in @($Parameters.reverts | Where-Object { $_.late -and $_.kind -eq 'registry-value' })) { Undo-Setting $s } },
            { if ($Parameters.account -ne '') { Remove-BuildAccount -Name $Parameters.account } },
            { foreach ($s in @($Parameters.reverts | Where-Object { $_.late -and $_.kind -eq 'folder' })) { Undo-Setting $s } },
            { if ($Parameters.reset_network) { Reset-Network } },
            { Remove-Secret -Path $Parameters.folder })) {
        try { & $step } catch { $errors += "$_" }
    }
    $errors
}

if (-not (Test-Path -Path Variable:WintemplateTask)) {
    Stop-Operation -Code 'not-detached' -Message 'the seal closes the connection that it comes by, so it runs as a task only'
}
try {
    Send-Beacon -Stage 'seal' -State 'start'
    Enter-Stage -Name 'revert'
    $script:before = $null
    if (Test-Path -LiteralPath "$($Parameters.folder)\bootstrap.before.json") {
        $script:before = ConvertFrom-Json -InputObject "$(Get-Content -LiteralPath "$($Parameters.folder)\bootstrap.before.json" -Raw)"
    }
    if (@(Get-Process -Name 'sysprep' -ErrorAction SilentlyContinue).Count -gt 0) {
        Stop-Operation -Code 'sysprep-running' -Message 'another sysprep.exe runs; wait until it has ended'
    }
    if ((Get-ServiceStart -Name 'cloudbase-init') -notin -1, 4) {
        Stop-Operation -Code 'not-disabled' -Message 'the service cloudbase-init is not disabled, so it has run, or may have, in this machine'
    }
    $reverted = @()
    foreach ($s in @($Parameters.reverts | Where-Object { -not $_.late })) { Undo-Setting $s; $reverted += "$($s.id)" }
    Remove-Autologon
    Remove-StaleAnswers
    Set-SetupComplete
    # The session of the automatic logon registers Store apps while sysprep looks at them. There may be none.
    try { $null = Invoke-Program -File 'logoff.exe' -Arguments 'console' -TimeoutSeconds 120 } catch { Write-Verbose -Message "$_" }
    # Edge's updater does so too, for whoever it runs as.
    foreach ($name in 'edgeupdate', 'edgeupdatem') {
        if (Test-ServiceRunning -Name $name) { Stop-Service -Name $name -Force -ErrorAction SilentlyContinue }
    }
    foreach ($f in @(Get-ChildItem -Path "$env:SystemRoot\Temp" -Filter 'wintemplate-*' -ErrorAction SilentlyContinue)) {
        try { Remove-Secret -Path "$env:SystemRoot\Temp\$($f.Name)" } catch { Write-Verbose -Message "$_" }
    }

    Enter-Stage -Name 'sysprep'
    Send-Beacon -Stage 'seal.sysprep' -State 'start'
    # Where the path has no blank: sysprep takes the argument's words apart.
    $answers = "$($Parameters.folder)\unattend.xml"
    Write-Text -Path $answers -Text $Parameters.unattend -Encoding 'UTF8'
    Invoke-Sysprep -Answers $answers
    Send-Beacon -Stage 'seal.sysprep' -State 'ok'

    if ($Parameters.client) {
        if (-not (Test-Path -LiteralPath "$windows\Setup\OOBE")) { New-Item -Path "$windows\Setup\OOBE" -Force | Out-Null }
        New-ItemProperty -LiteralPath "$windows\Setup\OOBE" -Name 'UnattendCreatedUser' -PropertyType DWord -Value 1 -Force | Out-Null
    }
    if ($Parameters.cloudbase_init) {
        Remove-IfThere -Path 'HKLM:\SOFTWARE\Cloudbase Solutions\Cloudbase-Init'
        Set-Service -Name 'cloudbase-init' -StartupType Manual
    }
    Enter-Stage -Name 'sealed'
    # The session is told before its connection goes; a session that is lost must not keep the machine.
    for ($i = 0; $i -lt $Parameters.release_timeout_seconds -and -not (Test-Path -LiteralPath "$WintemplateTask\release"); $i++) { Start-Sleep -Seconds 1 }

    Enter-Stage -Name 'close'
    $errors = @(Close-Build)
    if ($errors.Count -gt 0) { Stop-Operation -Code 'close' -Message "the image is sealed, but the build's doors are not closed: $($errors -join '; ')" }
    # After the last deletion. Where it cannot be done, the template is good, and larger.
    $why = Invoke-Retrim -TimeoutSeconds 300
    if ($why -ne '') { Send-Beacon -Stage 'seal' -State 'info' -Text "drive C: is not trimmed: $why" }
    Send-Beacon -Stage 'seal' -State 'ok'
    # First the shutdown, in 30 seconds, in which the registry reaches the disk; then this task, whose end may end this script.
    & shutdown.exe /s /t 30 /f /d p:2:4 | Out-Null
    if ($LASTEXITCODE -notin 0, 1115, 1190) { Stop-Operation -Code 'shutdown' -Message "shutdown.exe /s ended with $LASTEXITCODE" }
    Get-ScheduledTask -TaskName 'wintemplate-*' -ErrorAction SilentlyContinue | Unregister-ScheduledTask -Confirm:$false
    Complete-Operation -Result @{ image_state = (Get-ImageState); reverted = $reverted }
} catch {
    $code = "$($_.Exception.Data['code'])"
    # The session mends this and seals again; a fail beacon would end the build.
    $again = $Parameters.retry -and $code -eq 'appx'
    if ($again) { Send-Beacon -Stage 'seal' -State 'info' -Text "$_" } else { Send-Beacon -Stage 'seal' -State 'fail' -Text "$_" }
    throw
}
