"""The chat of Django Channels' tutorial, in one file. LAYER says which layer it has, REDIS the port of its Redis."""

import json
import os

import django
from django.conf import settings

REDIS = os.environ.get("REDIS")
LAYERS = {
    "memory": {"BACKEND": "channels.layers.InMemoryChannelLayer"},
    "core": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [("127.0.0.1", int(REDIS or 0))]},
    },
    "pubsub": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [f"redis://127.0.0.1:{REDIS}"]},
    },
}
settings.configure(
    SECRET_KEY="of no importance",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": LAYERS[os.environ.get("LAYER", "memory")]},
)
django.setup()

from asgiref.sync import async_to_sync
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send(
            self.room, {"type": "chat.message", "message": json.loads(text_data)["message"]}
        )

    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"message": event["message"]}))


def announce(request, room):
    """A view of the ordinary kind, which Django calls on a thread."""
    async_to_sync(get_channel_layer().group_send)(
        room, {"type": "chat.message", "message": "announced"}
    )
    return HttpResponse("sent")


urlpatterns = [path("announce/<room>", announce)]
app = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter([path("ws/chat/<room>", ChatConsumer.as_asgi())]),
    }
)
