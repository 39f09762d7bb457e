$windows = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion'
$script:findings = @()
$script:reboot = $false

function Add-Finding([string]$Id, [string]$Severity, [string]$Object = '', [string]$Found = '', [string]$Remedy = '') {
    $script:findings += @{ id = $Id; severity = $Severity; object = $Object; found = $Found; remedy = $Remedy }
}

function Test-State {
    $state = Get-ImageState
    $audit = [int](Get-RegistryValue -Key 'HKLM:\SYSTEM\Setup\Status' -Name 'AuditBoot' -Default 0)
    if ($state -like '*AUDIT*' -or $audit -ne 0) { Add-Finding audit-mode fail 'ImageState' "$state, AuditBoot=$audit" 'leave audit mode: sysprep /oobe, or remove the audit passes from the answer file'; return }
    if ($state -ne 'IMAGE_STATE_COMPLETE') { Add-Finding image-state fail 'ImageState' $state 'this image is sealed, spoiled by a sysprep that failed, or its setup has not ended; install afresh'; return }
    Add-Finding image-state ok 'ImageState' $state
}

function Test-Restart {
    $reasons = @(Get-PendingReboot)
    $hard = @($reasons | Where-Object { $_ -ne 'file-rename' })
    if ($reasons.Count -eq 0) { Add-Finding pending-reboot ok; return }
    if ($hard.Count -eq 0 -and $Parameters.reboots -gt 0) {
        # For sysprep a warning only, and updaters make it anew at each boot.
        Add-Finding file-rename warn 'PendingFileRenameOperations' 'files wait to be renamed at the next restart' 'none is needed: sysprep goes on'
        return
    }
    if ($Parameters.fix -and $Parameters.reboots -lt $Parameters.max_reboots) {
        $script:reboot = $true
        Add-Finding pending-reboot fixed 'restart' ($reasons -join ', ') 'the machine is restarted'
        return
    }
    Add-Finding pending-reboot fail 'restart' ($reasons -join ', ') 'restart the machine before the sysprep block; if it stays, an update or installation never finishes'
}

function Test-Updates {
    $busy = { @(Get-Process -Name 'TrustedInstaller', 'TiWorker' -ErrorAction SilentlyContinue) }
    if (@(& $busy).Count -eq 0) { Add-Finding windows-update ok; return }
    if ($Parameters.fix) {
        foreach ($name in 'wuauserv', 'bits', 'UsoSvc') { if (Test-ServiceRunning -Name $name) { Stop-Service -Name $name -Force -ErrorAction SilentlyContinue } }
        for ($i = 0; $i -lt $Parameters.wait_seconds -and @(& $busy).Count -gt 0; $i += 5) { Start-Sleep -Seconds 5 }
    }
    $left = @(& $busy | ForEach-Object { $_.ProcessName } | Select-Object -Unique)
    if ($left.Count -eq 0) { Add-Finding windows-update fixed 'servicing' 'was busy' 'waited until it had ended'; return }
    Add-Finding windows-update fail ($left -join ', ') 'still runs' 'let updates and installations end before the sysprep block'
}

function Test-Machine {
    if ([bool](Get-CimInstance -ClassName Win32_ComputerSystem).PartOfDomain) { Add-Finding domain fail 'Win32_ComputerSystem' 'the machine is in a domain' 'leave the domain before the sysprep block: sysprep does not generalize a member' }
    else { Add-Finding domain ok }
    if ([int](Get-RegistryValue -Key 'HKLM:\SYSTEM\Setup' -Name 'Upgrade' -Default 0) -ne 0) { Add-Finding upgraded fail 'HKLM\SYSTEM\Setup!Upgrade' 'this Windows was upgraded from an older one' 'install afresh: sysprep refuses an upgraded Windows' }
    else { Add-Finding upgraded ok }
}

function Test-Rearm {
    $service = Get-CimInstance -ClassName SoftwareLicensingService | Select-Object -First 1
    $left = [int]$service.RemainingWindowsReArmCount
    if ($left -gt 0) { Add-Finding rearm ok 'rearm count' "$left"; return }
    if ($Parameters.skip_rearm) { Add-Finding rearm warn 'rearm count' '0' 'skip_rearm is set: all clones share one client machine id, and a KMS counts them as one'; return }
    Add-Finding rearm fail 'rearm count' '0' 'install afresh, or set skip_rearm'
}

function Test-Sysprep {
    if (@(Get-Process -Name 'sysprep' -ErrorAction SilentlyContinue).Count -gt 0) { Add-Finding sysprep-running fail 'sysprep.exe' 'another sysprep runs' 'wait until it has ended; nothing but the sysprep block may start it'; return }
    $key = 'HKLM:\SYSTEM\Setup\Status\SysprepStatus'
    $cleanup = [int](Get-RegistryValue -Key $key -Name 'CleanupState' -Default 2)
    $general = [int](Get-RegistryValue -Key $key -Name 'GeneralizationState' -Default 7)
    if ($cleanup -eq 2 -and $general -eq 7) { Add-Finding sysprep-running ok; return }
    if (-not $Parameters.fix) { Add-Finding sysprep-running fail $key "CleanupState=$cleanup GeneralizationState=$general" 'an earlier sysprep was broken off; set 2 and 7'; return }
    Set-ItemProperty -LiteralPath $key -Name 'CleanupState' -Value 2 -Type DWord
    Set-ItemProperty -LiteralPath $key -Name 'GeneralizationState' -Value 7 -Type DWord
    Add-Finding sysprep-running fixed $key "CleanupState=$cleanup GeneralizationState=$general" 'set to 2 and 7'
}

function Test-External {
    $key = "$windows\Setup\SysPrepExternal\Generalize"
    $k = Get-Item -LiteralPath $key -ErrorAction SilentlyContinue
    $bad = @()
    if ($null -ne $k) {
        foreach ($name in @($k.Property)) {
            $dll = [Environment]::ExpandEnvironmentVariables("$($k.GetValue($name))".Split(',')[0].Trim())
            if ($dll -notlike '*\*') { $dll = "$env:SystemRoot\System32\$dll" }
            if (-not (Test-Path -LiteralPath $dll)) { $bad += @{ name = $name; dll = $dll } }
        }
    }
    if ($bad.Count -eq 0) { Add-Finding sysprep-external ok; return }
    $names = @($bad | ForEach-Object { $_.dll }) -join ', '
    if (-not $Parameters.fix) { Add-Finding sysprep-external fail $key "$names is not there" 'delete the value: sysprep fails on a provider that is gone'; return }
    foreach ($b in $bad) { Remove-ItemProperty -LiteralPath $key -Name $b.name -Force }
    Add-Finding sysprep-external fixed $key "$names was not there" 'the value was deleted'
}

function Test-Defender {
    $onboarded = [int](Get-RegistryValue -Key 'HKLM:\SOFTWARE\Microsoft\Windows Advanced Threat Protection\Status' -Name 'OnboardingState' -Default 0)
    if ($onboarded -eq 0) { Add-Finding defender-endpoint ok; return }
    Add-Finding defender-endpoint fail 'Defender for Endpoint' 'the machine is onboarded' 'run the offboarding script of your tenant before the sysprep block; onboard the clones'
}

function Test-BitLocker {
    $volume = $null
    try {
        $volume = @(Get-CimInstance -Namespace 'root\cimv2\Security\MicrosoftVolumeEncryption' -ClassName Win32_EncryptableVolume -Filter "DriveLetter = '$env:SystemDrive'")[0]
    } catch {
        # Servers have the namespace only with the BitLocker feature.
        Write-Verbose -Message "$_"
    }
    if ($null -eq $volume) { Add-Finding bitlocker ok; return }
    $status = { [int](Invoke-CimMethod -InputObject $volume -MethodName 'GetConversionStatus').ConversionStatus }
    $found = & $status
    if ($found -eq 0) { Add-Finding bitlocker ok; return }
    if ($Parameters.fix) {
        Invoke-CimMethod -InputObject $volume -MethodName 'Decrypt' | Out-Null
        for ($i = 0; $i -lt $Parameters.wait_seconds -and (& $status) -ne 0; $i += 5) { Start-Sleep -Seconds 5 }
        if ((& $status) -eq 0) { Add-Finding bitlocker fixed $env:SystemDrive "conversion status $found" 'decrypted'; return }
    }
    Add-Finding bitlocker fail $env:SystemDrive "conversion status $found, not 0 (fully decrypted)" 'manage-bde -off C:, and PreventDeviceEncryption=1 in the installation'
}

function Test-ReservedStorage {
    $key = "$windows\ReserveManager"
    $active = [int](Get-RegistryValue -Key $key -Name 'ActiveScenario' -Default 0)
    if ($active -eq 0) { Add-Finding reserved-storage ok; return }
    if ($Parameters.fix) {
        # From Windows 10 2004 on; 87 on servers and older clients, which have none.
        $code = Invoke-Program -File 'dism.exe' -Arguments '/Online', '/Set-ReservedStorageState', '/State:Disabled', '/Quiet', '/NoRestart' -TimeoutSeconds 600
        if ($code -in 0, 87) {
            Set-ItemProperty -LiteralPath $key -Name 'ActiveScenario' -Value 0 -Type DWord
            Add-Finding reserved-storage fixed $key "ActiveScenario=$active" 'reserved storage was disabled'
            return
        }
    }
    Add-Finding reserved-storage fail $key "ActiveScenario=$active" 'let updates end and restart; then dism /Online /Set-ReservedStorageState /State:Disabled'
}

function Test-Cloudbase {
    $start = Get-ServiceStart -Name 'cloudbase-init'
    if ($start -lt 0) { return }
    $log = Get-Item -LiteralPath "$env:ProgramFiles\Cloudbase Solutions\Cloudbase-Init\log\cloudbase-init.log" -ErrorAction SilentlyContinue
    if ($null -ne $log -and $log.Length -gt 0) { Add-Finding cloudbase-init-ran fail $log.Name 'cloudbase-init has run in this machine' 'install it by the cloudbase_init block, which keeps its service disabled'; return }
    if ($start -ne 4) { Add-Finding cloudbase-init-ran fail 'cloudbase-init' "Start=$start, expected 4 (disabled)" 'nothing but the seal may enable the service'; return }
    Add-Finding cloudbase-init-ran ok
}

# Installed for a user and not provisioned for all. Names of provisioned packages are those of bundles and
# never equal full names, so families are compared; a Store update of a provisioned one shows only in sysprep.
function Test-SystemPackage($Package) {
    # Older builds do not tell the signature; Windows' own lie in two folders.
    $kind = $Package.PSObject.Properties['SignatureKind']
    if ($null -ne $kind) { return "$($kind.Value)" -eq 'System' }
    "$($Package.InstallLocation)" -like "$env:SystemRoot\SystemApps\*" -or "$($Package.InstallLocation)" -like "$env:SystemRoot\ImmersiveControlPanel*" -or "$($Package.InstallLocation)" -like "$env:SystemRoot\PrintDialog*"
}

function Test-AppX {
    if ([string](Get-RegistryValue -Key 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' -Name 'InstallationType' -Default '') -eq 'Server Core') {
        Add-Finding appx ok 'AppX' 'Server Core has none'
        return
    }
    $provisioned = @(Get-AppxProvisionedPackage -Online | ForEach-Object { "$($_.DisplayName)" })
    $installed = @(Get-AppxPackage -AllUsers | Where-Object { -not $_.IsFramework -and -not $_.IsResourcePackage -and -not (Test-SystemPackage $_) -and "$($_.PackageUserInformation)" -match 'Installed' })
    $stray = @($installed | Where-Object { $_.Name -notin $provisioned })
    if ($stray.Count -eq 0) { Add-Finding appx ok; return }
    $names = @($stray | ForEach-Object { $_.PackageFullName })
    if (-not $Parameters.fix) { Add-Finding appx fail ($names -join ', ') 'installed for one user, not for all' 'Remove-AppxPackage, as the user who has it'; return }
    $left = @(Remove-Package -FullName $names)
    if ($left.Count -gt 0) { Add-Finding appx warn ($left -join ', ') 'installed for one user, and could not be removed' 'sysprep will say whether it minds'; return }
    Add-Finding appx fixed ($names -join ', ') 'installed for one user, not for all' 'removed'
}

foreach ($test in 'Test-State', 'Test-Restart', 'Test-Updates', 'Test-Machine', 'Test-Rearm', 'Test-Sysprep', 'Test-External', 'Test-Defender', 'Test-BitLocker', 'Test-ReservedStorage', 'Test-Cloudbase', 'Test-AppX') {
    try { & $test } catch { Add-Finding ($test -replace '^Test-', '').ToLowerInvariant() warn $test "could not be looked at: $_" 'sysprep will say whether it minds' }
}
Complete-Operation -Reboot $script:reboot -Result @{ findings = $script:findings }
