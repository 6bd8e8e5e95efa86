using System.Text.Json;
using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>
/// The violations that axe-core (Assets/axe.min.js) finds on the page. Each test saves a picture in its output for a person to check.
/// </summary>
public sealed class AccessibilityTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData("desktop", 1280, 900, ColorScheme.Light)]
    [InlineData("dark", 1280, 900, ColorScheme.Dark)]
    [InlineData("phone", 390, 844, ColorScheme.Light)]
    public async Task Axe_finds_no_violation_on_the_demo_page_in_use(string name, int width, int height, ColorScheme scheme)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        await using var demo = await DemoPage.OpenAsync(browser, fixture.Redis, app, new()
        {
            ViewportSize = new() { Width = width, Height = height },
            ColorScheme = scheme,
            ReducedMotion = ReducedMotion.Reduce,
        });
        await demo.IsLiveAsync();
        await demo.SubscribeAsync("__keyspace@0__:x");
        await Assertions.Expect(demo.Names.And(demo.Page.Locator(".refused"))).ToHaveCountAsync(1);
        await demo.ShowAsync("new-users", "Konstantin");
        await demo.ShowAsync("notifications.order", "{\"order\":42,\"item\":{\"name\":\"Chair\",\"price\":\"99.00\"}}");
        await demo.ShowAsync("notifications.new-user", "Mathias signed up");
        await demo.Page.ClickAsync(".format");
        await demo.Page.ClickAsync("#publish button");
        await Assertions.Expect(demo.Page.Locator("#published")).ToHaveTextAsync("Published on notifications.new-user");
        await Assertions.Expect(demo.Payloads).ToHaveCountAsync(4);
        await demo.Page.ClickAsync("#preview");
        await Assertions.Expect(demo.Page.Locator("notifier-toasts")).ToBeAttachedAsync();
        await demo.ShowAsync("notifications.order", "Order 42 has been paid");
        await Assertions.Expect(demo.Page.Locator("notifier-toasts li")).ToHaveCountAsync(1);

        await NothingIsWrongAsync(demo, $"page-{name}");
        demo.ConsoleErrors.Should().BeEmpty();
    }

    [Theory]
    [InlineData("desktop", 1280, 900, ColorScheme.Light, "Development")]
    [InlineData("dark", 1280, 900, ColorScheme.Dark, "Development")]
    [InlineData("phone", 390, 844, ColorScheme.Light, "Development")]
    [InlineData("locked", 1280, 900, ColorScheme.Light, "Production")]
    public async Task Axe_finds_no_violation_on_the_operations_tab(string name, int width, int height, ColorScheme scheme, string environment)
    {
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration, settings: [$"environment={environment}", "Access:Anonymous:Subscribe:0=*", "Access:Anonymous:Publish:0=*"]);
        await using var demo = await DemoPage.OpenAsync(browser, fixture.Redis, app, new()
        {
            ViewportSize = new() { Width = width, Height = height },
            ColorScheme = scheme,
            ReducedMotion = ReducedMotion.Reduce,
        });
        await demo.IsLiveAsync();
        await demo.ShowAsync("notifications.a-name-that-is-rather-long-for-a-column-of-a-table-on-a-telephone", "hello");
        await demo.Page.ClickAsync("#operations-tab");
        await Assertions.Expect(demo.Page.Locator(environment == "Production" ? "#locked" : "#talkers tbody th").First).ToBeVisibleAsync();

        await NothingIsWrongAsync(demo, $"operations-{name}");
    }

    [Theory]
    [InlineData("closed", "Access:Anonymous:Publish:0=orders.*")]
    [InlineData("orders", "Access:Anonymous:Subscribe:0=orders.*")]
    public async Task Axe_finds_no_violation_on_the_demo_page_of_a_visitor_with_few_rights(string name, string right)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: ["environment=Production", right]);
        await using var demo = await DemoPage.OpenAsync(browser, fixture.Redis, app, new() { ReducedMotion = ReducedMotion.Reduce });
        await Assertions.Expect(demo.Page.GetByText("nothing is open here to anonymous visitors")).ToBeVisibleAsync();

        await NothingIsWrongAsync(demo, $"page-{name}");
    }

    [Theory]
    [InlineData("lost", ColorScheme.Light)]
    [InlineData("lost-dark", ColorScheme.Dark)]
    public async Task Axe_finds_no_violation_while_redis_is_lost_and_while_figures_are_stale(string name, ColorScheme scheme)
    {
        await using var redis = await RedisServer.StartAsync();
        var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var demo = await DemoPage.OpenAsync(browser, redis, app, new() { ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce });
        await Assertions.Expect(demo.Status).ToHaveTextAsync("Connected to WebSocket server");
        await redis.KillAsync();
        await Assertions.Expect(demo.Page.Locator("#trouble")).ToBeVisibleAsync();
        await NothingIsWrongAsync(demo, $"page-{name}");

        await demo.Page.ClickAsync("#operations-tab");
        await Assertions.Expect(demo.Page.Locator("#charts svg")).ToHaveCountAsync(5);
        await app.DisposeAsync();
        await Assertions.Expect(demo.Page.Locator("#operations.stale")).ToBeVisibleAsync();
        await NothingIsWrongAsync(demo, $"operations-{name}");
    }

    private static async Task NothingIsWrongAsync(DemoPage demo, string picture)
    {
        await demo.Page.EvaluateAsync(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Assets", "axe.min.js")));
        var found = await demo.Page.EvaluateAsync<JsonElement>("async () => (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`)");

        await demo.Page.ScreenshotAsync(new() { Path = Path.Combine(AppContext.BaseDirectory, $"{picture}.png"), FullPage = picture.EndsWith("phone", StringComparison.Ordinal) });
        found.EnumerateArray().Select(each => each.GetString()).Should().BeEmpty();
        (await demo.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth")).Should().BeTrue("the page does not scroll sideways");
    }
}
