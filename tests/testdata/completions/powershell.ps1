# Completion of run-outputs for PowerShell 5.1 and later.
Register-ArgumentCompleter -Native -CommandName 'run-outputs', 'run-outputs.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object {
            if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
                $_.Value
            } else {
                $_.Extent.Text
            }
        })
    if ($words.Count -eq 0) { return }
    $before = @($words | Select-Object -Skip 1)
    & $words[0] __complete "=$wordToComplete" @before 2>$null | ForEach-Object {
        $value, $description = $_ -split [char]9, 2
        # For files and directories PowerShell completes paths if there is nothing else.
        if ($value -and -not $value.StartsWith(':')) {
            if (-not $description) { $description = $value }
            [System.Management.Automation.CompletionResult]::new(
                $value, $value, 'ParameterValue', $description)
        }
    }
}
