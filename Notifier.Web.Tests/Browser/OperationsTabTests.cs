using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>The page's tab for operators.</summary>
public sealed class OperationsTabTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private const string Key = "the operator's key of the tests";

    [Fact]
    public async Task The_operations_tab_shows_the_figures_of_the_node_and_updates_them()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        await using var page = await DemoPage.OpenAsync(browser, fixture.Redis, app);
        await page.IsLiveAsync();
        await page.ShowAsync("notifications.new-user", "Mathias signed up");

        await page.Page.ClickAsync("#operations-tab");

        var figures = page.Page.Locator("#figures > div");
        await Expect(page.Page.Locator("#page")).ToBeHiddenAsync();
        await Expect(figures.Filter(new() { HasText = "Connections" }).Locator("dd").First).ToHaveTextAsync("1");
        await Expect(figures.Filter(new() { HasText = "Redis" }).Locator("dd").First).ToHaveTextAsync("up");
        await Expect(page.Page.Locator("#talkers tbody th")).ToHaveTextAsync(["notifications.*"]);
        await Expect(page.Page.Locator("#largest tbody th")).ToHaveCountAsync(2);
        await Expect(page.Page.Locator("#node")).ToContainTextAsync("Notifier ");
        await using var another = await RawWebSocket.SubscribeAsync(app, "<b>another</b>");
        await Expect(figures.Filter(new() { HasText = "Connections" }).Locator("dd").First).ToHaveTextAsync("2");
        await Expect(page.Page.Locator("#largest tbody th", new() { HasText = "<b>another</b>" })).ToHaveCountAsync(1);
        page.Errors.Should().BeEmpty();
        page.ConsoleErrors.Should().BeEmpty();
    }

    [Fact]
    public async Task The_keyboard_switches_between_the_tabs_and_the_address_remembers_the_operations_tab()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        await using var page = await DemoPage.OpenAsync(browser, fixture.Redis, app);
        await page.Page.FocusAsync("#page-tab");

        await page.Page.Keyboard.PressAsync("ArrowRight");

        await Expect(page.Page.Locator("#operations-tab")).ToBeFocusedAsync();
        await Expect(page.Page.Locator("#operations")).ToBeVisibleAsync();
        page.Page.Url.Should().EndWith("#operations");
        await page.Page.ReloadAsync();
        await Expect(page.Page.Locator("#operations")).ToBeVisibleAsync();
        await page.Page.FocusAsync("#operations-tab");
        await page.Page.Keyboard.PressAsync("Home");
        await Expect(page.Page.Locator("#page")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task The_operations_tab_in_production_stays_locked_until_an_operator_enters_a_valid_key()
    {
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration,
            settings: ["environment=Production", "Access:Anonymous:Subscribe:0=*", "Access:ApiKeys:0:Name=operator", $"Access:ApiKeys:0:Secret={Key}"]);
        await using var page = await DemoPage.OpenAsync(browser, fixture.Redis, app);

        await page.Page.ClickAsync("#operations-tab");
        await Expect(page.Page.Locator("#why")).ToContainTextAsync("Access:ApiKeys");
        await page.Page.FillAsync("#key", "another one of those");
        await page.Page.PressAsync("#key", "Enter");
        await Expect(page.Page.Locator("#why")).ToHaveTextAsync("the API key is unknown");
        await page.Page.FillAsync("#key", Key);
        await page.Page.PressAsync("#key", "Enter");

        await Expect(page.Page.Locator("#figures > div").First).ToBeVisibleAsync();
        await Expect(page.Page.Locator("#locked")).ToBeHiddenAsync();
    }
}
