Stop-Operation -Code 'not-yet' -Message 'agent-verify is not there yet'
