"""BUD: budgets and expectations."""
