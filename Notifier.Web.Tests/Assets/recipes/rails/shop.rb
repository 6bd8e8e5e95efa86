# A small Rails application around the recipes: ruby shop.rb PORT. Cookie "user": who is logged in.
require "rails"
require "action_controller/railtie"
require "jwt"
require "rack/handler/webrick"

class Shop < Rails::Application
  config.root = __dir__
  config.eager_load = false
  config.secret_key_base = "only for tests " * 5
  config.hosts.clear
  config.public_file_server.enabled = true
  config.logger = Logger.new($stdout)
  routes.append do
    root to: "pages#show"
    get "orders", to: "pages#orders"
    get "token", to: "tokens#show"
  end
end

Visitor = Struct.new(:id)

class ApplicationController < ActionController::Base
  def current_user
    cookies[:user] && Visitor.new(cookies[:user].to_i)
  end
end

class PagesController < ApplicationController
  def show
    render inline: '<h1>My shop</h1><a href="/orders">Orders</a>', layout: "application"
  end

  def orders
    render inline: "<h1>Orders</h1>", layout: "application"
  end
end

tokens = File.join(__dir__, "tokens_controller.rb")
require tokens if File.exist?(tokens)

Shop.initialize!
Rack::Handler::WEBrick.run(Shop, Host: "127.0.0.1", Port: ARGV.fetch(0).to_i)
