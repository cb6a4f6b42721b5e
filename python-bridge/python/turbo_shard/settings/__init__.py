"""What a user can set: the table of settings, how values are read and checked, and what a server is told in the end.

`option` says what a row is, `groups` has the rows, `table` puts them in order, `values` reads and checks one value,
`rules` makes the settings.
"""

from .option import Kind as Kind
from .option import Option as Option
from .option import takes_settings as takes_settings
from .rules import settings_from as settings_from
from .table import OPTION_BY_NAME as OPTION_BY_NAME
from .table import OPTIONS as OPTIONS
from .table import ServeSettings as ServeSettings
from .table import Settings as Settings
from .values import SettingsError as SettingsError
