"""Tables on the declarative Base of an installed package, with relationships by name; the test installs the package."""

import os

from company_models import Base
from fastapi import FastAPI
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

engine = create_engine(
    f"sqlite:///{os.environ['DATABASE']}", connect_args={"check_same_thread": False}
)


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    lines: Mapped[list["Line"]] = relationship(back_populates="order")


class Line(Base):
    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    order: Mapped[Order] = relationship(back_populates="lines")


app = FastAPI()


@app.post("/orders/{order_id}")
def add(order_id: int):
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Order(id=order_id, lines=[Line(), Line()]))
        session.commit()


@app.get("/orders")
def orders():
    with Session(engine) as session:
        found = session.scalars(select(Order).order_by(Order.id)).all()
        return [[order.id, [type(line) is Line for line in order.lines]] for order in found]
