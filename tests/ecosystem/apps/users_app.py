"""fastapi-users with its own routers, as its documentation has it; users are in memory, their passwords bcrypt's."""

import importlib.util
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Annotated, ClassVar
from uuid import UUID, uuid4

if importlib.util.find_spec("argon2") is None:
    # fastapi-users imports the hasher of argon2-cffi, which cannot be built on 3.13t. This app does not use it.
    standin, exceptions = ModuleType("argon2"), ModuleType("argon2.exceptions")
    standin.PasswordHasher = object
    standin.Type = SimpleNamespace(ID=2)
    standin.__getattr__ = lambda name: 0
    standin.exceptions = exceptions
    sys.modules |= {"argon2": standin, "argon2.exceptions": exceptions}

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import BaseUserDatabase
from fastapi_users.password import PasswordHelper
from pwdlib import PasswordHash
from pwdlib.hashers.bcrypt import BcryptHasher

SECRET = "a secret of a test, which is as long as HS256 wants its keys"


@dataclass
class User:
    email: str
    hashed_password: str
    is_active: bool = True
    is_superuser: bool = False
    is_verified: bool = False
    id: UUID = field(default_factory=uuid4)


class InMemory(BaseUserDatabase[User, UUID]):
    known: ClassVar[list[User]] = []

    async def get(self, id):
        return next((user for user in self.known if user.id == id), None)

    async def get_by_email(self, email):
        return next((user for user in self.known if user.email.lower() == email.lower()), None)

    async def create(self, create_dict):
        self.known.append(User(**create_dict))
        return self.known[-1]

    async def update(self, user, update_dict):
        vars(user).update(update_dict)
        return user


class UserRead(schemas.BaseUser[UUID]):
    pass


class UserCreate(schemas.BaseUserCreate):
    pass


class UserManager(UUIDIDMixin, BaseUserManager[User, UUID]):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def database():
    yield InMemory()


async def manager(users: Annotated[InMemory, Depends(database)]):
    yield UserManager(users, PasswordHelper(PasswordHash((BcryptHasher(rounds=4),))))


backend = AuthenticationBackend(
    name="jwt",
    transport=BearerTransport(tokenUrl="auth/login"),
    get_strategy=lambda: JWTStrategy(secret=SECRET, lifetime_seconds=3600),
)
users = FastAPIUsers[User, UUID](manager, [backend])
app = FastAPI()
app.include_router(users.get_auth_router(backend), prefix="/auth")
app.include_router(users.get_register_router(UserRead, UserCreate), prefix="/auth")
app.include_router(users.get_users_router(UserRead, schemas.BaseUserUpdate), prefix="/users")


@app.get("/hello")
async def hello(user: Annotated[User, Depends(users.current_user(active=True))]):
    return user.email


@app.get("/maybe")
def maybe(user: Annotated[User | None, Depends(users.current_user(optional=True))]):
    return user.email if user else None
