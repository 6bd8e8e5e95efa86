using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

public sealed class DemoPageTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task The_demo_page_connects_and_shows_a_published_message()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await OpenAsync(app);
        await Expect(page.Status).ToHaveTextAsync("Connected to WebSocket server");
        await page.IsLiveAsync();

        await Redis.PublishAsync("notifications.new-user", "Mathias signed up");

        await Expect(page.Payloads).ToHaveTextAsync("Mathias signed up");
        page.Errors.Should().BeEmpty();
    }

    [Fact]
    public async Task The_newest_message_is_shown_first_and_with_its_subscribed_name()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await OpenAsync(app);
        await page.IsLiveAsync();

        await page.ShowAsync("new-users", "first");
        foreach (var payload in new[] { "second", "third", "fourth" })
            await Redis.PublishAsync("notifications.orders", payload);

        await Expect(page.Payloads).ToHaveTextAsync(["fourth", "third", "second", "first"]);
        await Expect(page.Notifications.Locator(".name")).ToHaveTextAsync(
            ["notifications.*", "notifications.*", "notifications.*", "new-users"]);
        await Expect(page.Notifications.Locator("time")).ToHaveCountAsync(4);
    }

    [Fact]
    public async Task An_html_payload_is_shown_as_text_and_no_script_in_it_runs()
    {
        const string Attack = "<img src=x onerror=\"window.attacked = true\"><script>window.attacked = true</script>";
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await OpenAsync(app);
        await page.IsLiveAsync();
        var requests = new List<string>();
        page.Page.Request += (_, request) => requests.Add(request.Url);

        await page.ShowAsync("notifications.new-user", Attack);
        await page.SubscribeAsync(Attack);

        await Expect(page.Names.Locator(".name")).ToHaveTextAsync(["new-users", "notifications.*", Attack]);
        await Expect(page.Page.Locator("#names img, #names script, #notifications img, #notifications script")).ToHaveCountAsync(0);
        await page.ShowAsync("notifications.new-user", "a later message");
        requests.Where(static url => !url.EndsWith("notifier-demo.json", StringComparison.Ordinal) && !url.Contains("/stats?", StringComparison.Ordinal))
            .Should().BeEmpty("an image element would have requested its picture by now");
        (await page.Page.EvaluateAsync<bool>("'attacked' in window")).Should().BeFalse();
    }

    [Fact]
    public async Task The_demo_page_shows_when_the_server_is_down_and_reconnects_with_a_gap()
    {
        await using var first = await NotifierApp.StartAsync(Redis.Configuration);
        var port = first.Address.Port;
        await using var page = await OpenAsync(first);
        await page.IsLiveAsync();
        await page.ShowAsync("notifications.new-user", "before");

        await first.DisposeAsync();
        await Expect(page.Status).ToHaveTextAsync("Can't connect to WebSocket server");
        await Expect(page.Page.Locator("#names > li.waiting")).ToHaveCountAsync(2);

        await Redis.NobodyListensAsync();
        await using var second = await NotifierApp.StartAsync(Redis.Configuration, port: port);
        await Expect(page.Status).ToHaveTextAsync("Connected to WebSocket server");
        await page.IsLiveAsync();
        await page.ShowAsync("notifications.new-user", "after");
        // The page has missed messages of both names, and shows a gap for each.
        const string Gap = "Some messages may be missing here (notRecovered)";
        await Expect(page.Payloads).ToHaveTextAsync(["after", Gap, Gap, "before"]);
        page.Errors.Should().BeEmpty();
    }

    [Fact]
    public async Task A_name_entered_on_the_demo_page_is_subscribed_in_addition_to_the_others()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await OpenAsync(app);

        await page.SubscribeAsync("orders.*");
        await page.IsLiveAsync(patterns: 2);
        await page.ShowAsync("orders.42", "paid");
        await page.ShowAsync("new-users", "Mathias");

        await Expect(page.Notifications.Locator(".name")).ToHaveTextAsync(["new-users", "orders.*"]);
        await Expect(page.Page.Locator("#names > li.connected .name")).ToHaveTextAsync(["new-users", "notifications.*", "orders.*"]);
        await Expect(page.Page.Locator("#name")).ToHaveValueAsync("");
    }

    [Fact]
    public async Task A_rejected_name_on_the_demo_page_shows_its_reason_and_the_others_still_receive()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await OpenAsync(app);
        await page.IsLiveAsync();

        await page.SubscribeAsync("__keyspace@0__:x");

        var refused = page.Page.Locator("#names > li.refused");
        await Expect(refused.Locator(".name")).ToHaveTextAsync("__keyspace@0__:x");
        await Expect(refused.Locator(".reason")).ToHaveTextAsync(
            "the channel is reserved: names that begin with __ or notifier: never reach a browser (forbidden)");
        await Expect(page.Status).ToHaveTextAsync("Connected to WebSocket server");
        await page.ShowAsync("new-users", "Mathias");
    }

    [Fact]
    public async Task The_demo_page_does_not_freeze_under_thousands_of_messages_a_second()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:RequestsPerSecond=1000000");
        await using var page = await OpenAsync(app);
        await page.IsLiveAsync();
        await page.Page.EvaluateAsync(
            """
            () => {
                globalThis.added = 0;
                globalThis.mostAdded = 0;
                const frame = () => { mostAdded = Math.max(mostAdded, added); added = 0; requestAnimationFrame(frame); };
                requestAnimationFrame(frame);
                new MutationObserver(changes => { for (const change of changes) added += change.addedNodes.length; })
                    .observe(document.body, { childList: true, subtree: true });
            }
            """);
        using var http = new HttpClient();
        var thousand = System.Text.Json.JsonSerializer.Serialize(
            Enumerable.Range(1, 1_000).Select(n => new { channel = "notifications.flood", data = $"{{\"n\":{n}}}" }));

        for (var batch = 0; batch < 10; batch++)
        {
            using var body = new StringContent(thousand, System.Text.Encoding.UTF8, "application/json");
            (await http.PostAsync(new Uri(app.Address, "publish"), body)).EnsureSuccessStatusCode();
        }

        await Expect(page.Page.Locator("#count")).ToHaveTextAsync("10,000");
        await Expect(page.Notifications).ToHaveCountAsync(200);
        (await page.Page.EvaluateAsync<int>("mostAdded")).Should().BeInRange(1, 500, "each frame draws only what the page shows, not the thousands that arrived");
    }

    [Fact]
    public async Task A_demo_page_that_reloads_shows_the_last_20_messages_without_their_time()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await OpenAsync(app);
        await page.IsLiveAsync();
        for (var n = 1; n <= 25; n++)
            await Redis.PublishAsync("notifications.x", $"{n}");
        await Expect(page.Notifications).ToHaveCountAsync(25);

        await page.Page.ReloadAsync();

        await Expect(page.Payloads).ToHaveTextAsync([.. Enumerable.Range(6, 20).Reverse().Select(n => $"{n}")]);
        await Expect(page.Notifications.Locator("time")).ToHaveTextAsync([.. Enumerable.Repeat("earlier", 20)]);
        await Expect(page.Page.Locator("#rate")).ToHaveTextAsync("0");
        page.Errors.Should().BeEmpty();
    }

    [Fact]
    public async Task The_demo_page_previews_toasts_on_its_own_connection()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await OpenAsync(app);
        await page.IsLiveAsync();
        var toasts = page.Page.Locator("notifier-toasts li .text");

        await page.Page.ClickAsync("#preview");
        await Expect(page.Page.Locator("notifier-toasts")).ToBeAttachedAsync();
        await page.ShowAsync("notifications.new-user", "Mathias signed up");
        await Expect(toasts).ToHaveTextAsync("Mathias signed up");
        app.Connections.Count.Should().Be(1);

        await page.Page.ClickAsync("#preview");
        await Expect(toasts).ToHaveCountAsync(0);
        page.ConsoleErrors.Should().BeEmpty();
    }

    private Task<DemoPage> OpenAsync(NotifierApp app) => DemoPage.OpenAsync(browser, Redis, app);
}
