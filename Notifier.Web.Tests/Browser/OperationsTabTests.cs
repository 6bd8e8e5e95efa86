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

        var figures = page.Page.Locator("#operations dl > div");
        await Expect(page.Page.Locator("#page")).ToBeHiddenAsync();
        await Expect(figures.Filter(new() { HasTextRegex = new("^Connections") }).Locator("dd").First).ToHaveTextAsync("1");
        await Expect(figures.Filter(new() { HasTextRegex = new("^Redis") }).Locator("dd").First).ToHaveTextAsync("up");
        await Expect(page.Page.Locator("#talkers tbody th")).ToHaveTextAsync(["notifications.*"]);
        await Expect(page.Page.Locator("#largest tbody th")).ToHaveCountAsync(2);
        await Expect(page.Page.Locator("#node")).ToContainTextAsync("Notifier ");
        await using var another = await RawWebSocket.SubscribeAsync(app, "<b>another</b>");
        await Expect(figures.Filter(new() { HasTextRegex = new("^Connections") }).Locator("dd").First).ToHaveTextAsync("2");
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

    /// <summary>The samples begin when the page opens: a developer needs no key.</summary>
    [Fact]
    public async Task The_operations_tab_draws_connections_messages_deliveries_latency_and_memory()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        await using var page = await DemoPage.OpenAsync(browser, fixture.Redis, app);
        await page.IsLiveAsync();
        await page.ShowAsync("notifications.new-user", "Mathias signed up");
        await page.Page.ClickAsync("#operations-tab");

        await Expect(page.Page.Locator("#charts dt")).ToHaveTextAsync(["Connections", "Messages in", "Deliveries out", "Latency", "Memory"]);
        var published = 0;
        await Eventually.IsAsync(
            async () =>
            {
                await fixture.Redis.PublishAsync("notifications.x", $"{++published}");
                return await ChartAsync(page, "Messages in") is [.., var last] && last < 20;
            },
            "the chart of messages rises");
        (await ChartAsync(page, "Connections"))[^1].Should().Be(2, "one connection is the most, so the line is at the top");
        (await page.Page.Locator("#charts svg").First.GetAttributeAsync("aria-label")).Should().Be("Connections, in the last minute, at most 1");
        await Expect(page.Page.Locator("#charts > div", new() { HasTextRegex = new("^Memory") })).ToContainTextAsync(new System.Text.RegularExpressions.Regex("[MG]iB"));
    }

    [Fact]
    public async Task Figures_of_a_node_that_does_not_answer_are_marked_as_stale_until_it_answers_again()
    {
        var first = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        var port = first.Address.Port;
        await using var page = await DemoPage.OpenAsync(browser, fixture.Redis, first);
        await page.Page.ClickAsync("#operations-tab");
        await Expect(page.Page.Locator("#charts svg")).ToHaveCountAsync(5);
        var fresh = await ColorAsync(page);

        await first.DisposeAsync();

        await Expect(page.Page.Locator("#why")).ToHaveTextAsync(new System.Text.RegularExpressions.Regex(@"^These figures are of .+\. The server cannot be reached; trying again\.$"));
        await Expect(page.Page.Locator("#locked")).ToBeHiddenAsync();
        (await ColorAsync(page)).Should().NotBe(fresh);
        await using var second = await NotifierApp.StartAsync(fixture.Redis.Configuration, port: port);
        await Expect(page.Page.Locator("#why")).ToHaveTextAsync("");
        (await ColorAsync(page)).Should().Be(fresh);
        // The line has a hole where the node did not answer.
        (await page.Page.Locator("#charts .line").First.GetAttributeAsync("d"))!.Count(static c => c == 'M').Should().Be(2);
    }

    private static Task<string> ColorAsync(DemoPage page) =>
        page.Page.Locator("#charts dd").First.EvaluateAsync<string>("value => getComputedStyle(value).color");

    /// <summary>The heights of the points of a line: 0 is the top, and 40 the bottom.</summary>
    private static Task<double[]> ChartAsync(DemoPage page, string title) => page.Page.Locator("#charts > div", new() { HasTextRegex = new("^" + title) }).Locator(".line")
        .EvaluateAsync<double[]>("line => line.getAttribute('d').match(/,[\\d.]+/g)?.map(y => +y.slice(1)) ?? []");
}
