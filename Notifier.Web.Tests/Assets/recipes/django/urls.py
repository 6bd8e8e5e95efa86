# The URLs of a fresh project around the recipes. Cookie "user": who is logged in.
from django.contrib.auth.models import AnonymousUser, User
from django.shortcuts import render
from django.urls import path

try:
    from shop import views
except ImportError:
    views = None


def logged_in(view):
    def inner(request):
        user = request.COOKIES.get("user")
        request.user = User(pk=int(user)) if user else AnonymousUser()
        return view(request)
    return inner


def page(request):
    return render(request, "base.html")


urlpatterns = [path("", logged_in(page))]
if views:
    urlpatterns.append(path("token", logged_in(views.token)))
