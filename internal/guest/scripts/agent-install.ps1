Stop-Operation -Code 'not-yet' -Message 'agent-install is not there yet'
