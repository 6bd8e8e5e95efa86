using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The names that clients may subscribe to in Development and in Production, with and without configuration.</summary>
public sealed class GrantedNamesTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Production = "environment=Production";
    private const string Closed = "nothing is open here to anonymous visitors: set Access:Anonymous:Subscribe";

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("new-users")]
    [InlineData("*")]
    public async Task Anonymous_subscribe_in_production_is_rejected_until_configured_and_the_log_names_the_setting(string name)
    {
        await using var app = await StartAsync(Production);
        await using var asking = await RawWebSocket.SubscribeAsync(app, name);
        await using var arriving = await RawWebSocket.ConnectAsync(app.WebSocketAddress($"/ws?pattern={name}"));

        foreach (var client in new[] { asking, arriving })
        {
            var close = await client.ReadUntilCloseAsync();
            (close.CloseCode, close.CloseText).Should().Be((4403, Closed));
        }
        app.Log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Warning).Which.Text.Should().StartWith(
            "No client may subscribe to anything: set Access:Anonymous:Subscribe, for example Access__Anonymous__Subscribe__0=notifications.*");
        app.Hub.NameCount.Should().Be(0);
    }

    [Fact]
    public async Task Anonymous_subscribe_in_development_is_open_to_all_names_and_one_warning_is_logged()
    {
        await using var app = await StartAsync();
        await using var client = await RawWebSocket.SubscribeAsync(app, "*");

        await client.IsLiveAsync(Redis, "granted.whatever");

        app.Log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Warning).Which.Text.Should().StartWith("All clients of this machine may subscribe to everything");
    }

    [Theory]
    [InlineData("environment=Development")]
    [InlineData(Production)]
    public async Task Anonymous_subscribe_allows_only_the_configured_names_in_every_environment(string environment)
    {
        await using var app = await StartAsync(environment, "Access:Anonymous:Subscribe:0=granted.news.*");
        await using var allowed = await RawWebSocket.SubscribeAsync(app, "granted.news.*");
        await using var refused = await RawWebSocket.SubscribeAsync(app, "granted.*");

        (await refused.ReadUntilCloseAsync()).CloseText.Should().Be("not allowed: granted.* also matches granted.other");
        await allowed.IsLiveAsync(Redis, "granted.news.today");
        app.Log.Lines.Should().NotContain(line => line.Level == LogLevel.Warning);
    }

    [Fact]
    public async Task A_connection_closed_for_a_rejected_name_receives_no_more_messages_of_its_other_names()
    {
        await using var app = await StartAsync(Production, "Access:Anonymous:Subscribe:0=granted.a");
        await using var client = await RawWebSocket.SubscribeAsync(app, "granted.a");
        await client.IsLiveAsync(Redis, "granted.a");

        await client.SendTextAsync("granted.b");
        var close = await client.ReadUntilCloseAsync();
        await Redis.PublishAsync("granted.a", "too late");
        await client.SendCloseAsync(1000);

        close.CloseText.Should().Be("not allowed: granted.b");
        (await client.ReadFrameAsync()).Should().BeNull();
    }

    [Fact]
    public async Task Only_allowed_default_names_are_subscribed_and_the_log_lists_the_others()
    {
        await using var app = await StartAsync(
            Production, "Access:Anonymous:Subscribe:0=granted.default", "Subscriptions:Default:0=granted.secret.*", "Subscriptions:Default:1=granted.default");
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());

        await client.IsLiveAsync(Redis, "granted.default");
        await Redis.PublishAsync("granted.secret.x", "secret");
        await Redis.PublishAsync("granted.default", "open");

        (await client.ReadPastAsync("")).Should().Be("open");
        app.Hub.CountSubscribers(Name.Pattern("granted.secret.*")).Should().Be(0);
        app.Log.Says("Clients are not subscribed to granted.secret.* of Subscriptions:Default, because Access:Anonymous:Subscribe does not allow it.").Should().BeTrue();
        app.Log.Says("Clients are not subscribed to granted.default").Should().BeFalse();
    }

    private Task<NotifierApp> StartAsync(params string[] settings) => NotifierApp.StartAsync(
        Redis.Configuration, settings: ["Limits:Connections=100", .. settings]);     // few open files are enough, so Notifier logs no warning about their limit
}
