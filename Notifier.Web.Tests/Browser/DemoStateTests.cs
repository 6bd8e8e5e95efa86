using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>The demo page shows what works for its visitor, and says what does not.</summary>
public sealed class DemoStateTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task The_command_on_the_demo_page_has_the_port_and_the_prefix_as_in_the_log()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Redis:ChannelPrefix=shop:");
        await using var page = await OpenAsync(app);
        var command = $"redis-cli -p {Redis.Port} publish shop:notifications.new-user \"Mathias signed up\"";

        await Expect(page.Page.Locator("#command")).ToHaveTextAsync(command);

        app.Log.Says($"Try: {command}").Should().BeTrue();
        await Expect(page.Page.Locator("#incomplete")).ToBeHiddenAsync();
    }

    [Fact]
    public async Task A_lost_redis_is_visible_on_the_live_tab_until_redis_is_back()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var page = await DemoPage.OpenAsync(browser, redis, app);
        await Expect(page.Status).ToHaveTextAsync("Connected to WebSocket server");

        await redis.KillAsync();

        await Expect(page.Status).ToHaveTextAsync("Redis does not answer");
        await Expect(page.Page.Locator("#trouble")).ToContainTextAsync("What is published now does not arrive.");
        await redis.StartHostAsync();
        await Expect(page.Status).ToHaveTextAsync("Connected to WebSocket server");
        await Expect(page.Page.Locator("#trouble")).ToBeHiddenAsync();
        page.Errors.Should().BeEmpty();
    }

    [Fact]
    public async Task The_demo_page_of_a_server_that_grants_nothing_shows_only_which_setting_is_missing()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "environment=Production");
        await using var page = await OpenAsync(app);

        await Expect(page.Page.Locator("#trouble")).ToContainTextAsync("Nothing is open here to anonymous visitors: set Access:Anonymous:Subscribe.");
        await Expect(page.Page.Locator("#trouble code")).ToHaveTextAsync("Access__Anonymous__Subscribe__0=notifications.*");
        await Expect(page.Status).ToHaveTextAsync("Nothing is open here");
        await Expect(page.Page.Locator("#page :is(button, input, pre, code):visible")).ToHaveCountAsync(1);
        app.Connections.Count.Should().Be(0);
        page.ConsoleErrors.Should().BeEmpty();
    }

    [Fact]
    public async Task The_demo_page_begins_with_names_that_are_granted_and_does_not_offer_to_publish_if_that_is_not_granted()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: ["environment=Production", "Access:Anonymous:Subscribe:0=orders.*"]);
        await using var page = await OpenAsync(app);

        await Expect(page.Page.Locator("#names > li.connected .name")).ToHaveTextAsync(["orders.*"]);
        await Expect(page.Names).ToHaveCountAsync(1);
        await Expect(page.Page.Locator("#command")).ToHaveTextAsync("redis-cli publish orders.new \"Mathias signed up\"");
        await Expect(page.Page.Locator("#incomplete")).ToBeVisibleAsync();
        await Expect(page.Page.Locator("#publish button").First).ToBeDisabledAsync();
        await Expect(page.Page.Locator("#published")).ToHaveTextAsync("Not allowed: nothing is open here to anonymous visitors: set Access:Anonymous:Publish");
    }

    [Fact]
    public async Task A_publish_without_subscribers_says_so_and_offers_to_subscribe()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await OpenAsync(app);
        await page.IsLiveAsync();
        await page.Page.FillAsync("#channel", "orders.42");

        await page.Page.ClickAsync("#publish button");
        await Expect(page.Page.Locator("#published")).ToHaveTextAsync("Published on orders.42, which has no subscribers");
        await page.Page.ClickAsync("#follow");
        await Expect(page.Page.Locator("#names > li.connected .name")).ToHaveTextAsync(["new-users", "notifications.*", "orders.42"]);
        await Expect(page.Page.Locator("#follow")).ToBeHiddenAsync();
        await Expect(page.Page.Locator("#publish button").First).ToBeFocusedAsync();
        await page.Page.Keyboard.PressAsync("Enter");

        await Expect(page.Payloads).ToHaveTextAsync(["Mathias signed up"]);
        await Expect(page.Page.Locator("#published")).ToHaveTextAsync("Published on orders.42");
    }

    [Fact]
    public async Task A_publish_on_a_channel_that_only_others_have_subscribed_says_so()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await OpenAsync(app);
        await page.IsLiveAsync();
        await using var other = await RawWebSocket.SubscribeAsync(app, "others.only");
        await Redis.WhenChannelIsLiveAsync(app, "others.only");
        await page.Page.FillAsync("#channel", "others.only");

        await page.Page.ClickAsync("#publish button");

        await Expect(page.Page.Locator("#published")).ToHaveTextAsync("Published on others.only. This page is not subscribed to it");
        await Expect(page.Page.Locator("#follow")).ToHaveTextAsync("Subscribe to others.only");
    }

    [Fact]
    public async Task Notifications_come_first_on_a_phone()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await DemoPage.OpenAsync(browser, Redis, app, new() { ViewportSize = new() { Width = 390, Height = 844 } });
        await page.IsLiveAsync();
        await page.ShowAsync("new-users", "Mathias");

        var first = await page.Notifications.First.BoundingBoxAsync();
        first!.Y.Should().BeLessThan(844 / 3);
        foreach (var later in await page.Page.Locator("section:not(.feed):visible").AllAsync())
            (await later.BoundingBoxAsync())!.Y.Should().BeGreaterThan(first.Y);
    }

    private Task<DemoPage> OpenAsync(NotifierApp app) => DemoPage.OpenAsync(browser, Redis, app);
}
