using System.Globalization;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>The code snippets that the demo page offers, and its measurements.</summary>
public sealed class DemoToolsTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("#snippet")]
    [InlineData("#pinned")]
    public async Task The_snippet_of_the_demo_page_shows_toasts_for_its_names_on_another_origin(string snippet)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Redis:Linger=00:00:00");
        await using var demo = await OpenAsync(app);
        await demo.SubscribeAsync("orders.42.*");
        await demo.SubscribeAsync("__refused");
        await Expect(demo.Page.Locator("#names > li.refused")).ToHaveCountAsync(1);
        await Expect(demo.Page.Locator(snippet)).ToContainTextAsync("data-pattern=\"notifications.* orders.42.*\"");
        var html = await demo.Page.InnerTextAsync(snippet);
        html.Should().Contain("data-channel=\"new-users\"").And.NotContain("refused");
        await demo.DisposeAsync();
        await Redis.NobodyListensAsync();

        await using var site = await Site.StartAsync("<!doctype html><title>Shop</title>" + html);
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.Address);
        await Redis.PageListensAsync(patterns: 2);
        foreach (var channel in new[] { "orders.42.items", "new-users" })
        {
            await Redis.PublishAsync(channel, channel);
            await Expect(page.Locator("notifier-toasts li .text").Last).ToHaveTextAsync(channel);
        }
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_demo_page_shows_the_round_trip_and_draws_the_message_rate()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var demo = await OpenAsync(app);
        await Expect(demo.Page.Locator("#ping")).ToHaveTextAsync(new System.Text.RegularExpressions.Regex(@"^\d+\.\d ms$"));
        await demo.IsLiveAsync();
        var flat = await demo.Page.GetAttributeAsync("#line", "points");

        var published = 0;
        await Eventually.IsAsync(
            async () =>
            {
                await Redis.PublishAsync("notifications.x", $"{++published}");      // the first message may count as an earlier one
                return await demo.Page.InnerTextAsync("#most") != "0";
            },
            "the page has counted the messages of a second");

        int.Parse(await demo.Page.InnerTextAsync("#most"), NumberStyles.AllowThousands, CultureInfo.InvariantCulture).Should().BeInRange(1, published);
        flat.Should().EndWith(" 59,19");
        (await demo.Page.GetAttributeAsync("#line", "points")).Should().MatchRegex(@",1( |$)", "the highest second touches the top");
    }

    [Fact]
    public async Task A_json_payload_is_formatted_on_request_and_invalid_json_loses_its_format_button()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var demo = await OpenAsync(app);
        await demo.IsLiveAsync();
        await demo.ShowAsync("notifications.x", "{not json}");
        await demo.Page.ClickAsync(".format");
        await Expect(demo.Page.Locator(".format")).ToHaveCountAsync(0);
        await demo.ShowAsync("notifications.x", """{"order":42,"items":["Chair"]}""");

        await demo.Page.ClickAsync(".format");
        (await demo.Payloads.First.InnerTextAsync()).Should().Be("{\n  \"order\": 42,\n  \"items\": [\n    \"Chair\"\n  ]\n}");

        await demo.Page.ClickAsync(".format");
        await Expect(demo.Payloads.First).ToHaveTextAsync("""{"order":42,"items":["Chair"]}""");
        demo.Errors.Should().BeEmpty();
    }

    private Task<DemoPage> OpenAsync(NotifierApp app) => DemoPage.OpenAsync(browser, Redis, app);
}
