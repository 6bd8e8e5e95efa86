using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>The client and its elements in pages of another origin, against the real server and a real Redis.</summary>
public sealed class EmbeddedTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private const string Toasts = "notifier-toasts li";

    private RedisServer Redis => fixture.Redis;

    /// <summary>The examples as the documentation prints them, except for the server's address.</summary>
    [Theory]
    [InlineData("README.md")]
    [InlineData("embedding.md")]
    public async Task The_page_in_the_documentation_shows_a_toast(string file)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var text = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "docs", file));
        var html = text.Split("```html\n")[1].Split("```")[0];
        html.Should().Contain("http://localhost:8081/", Exactly.Once());
        await using var site = await Site.StartAsync(html.Replace("http://localhost:8081/", app.Address.ToString(), StringComparison.Ordinal));
        var page = await OpenAsync(site);
        await Eventually.IsAsync(async () => await Redis.PatternsAsync() == 1, "the page has subscribed");

        await Redis.PublishAsync("notifications.new-user", "Mathias signed up");

        await Expect(page.Locator(Toasts).Locator(".text")).ToHaveTextAsync("Mathias signed up");
        await page.CloseAsync();
    }

    [Fact]
    public async Task One_script_tag_shows_a_toast_for_a_published_message()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync($"<!doctype html><title>Shop</title><body><h1>Shop</h1><script src=\"{app.Address}notifier.js\" data-pattern=\"toast.*\" data-toast></script>");
        var page = await OpenAsync(site);
        await page.EvaluateAsync("document.addEventListener('notifier:message', ({ detail }) => globalThis.told = `${detail.channel} ${detail.data}`)");
        await Eventually.IsAsync(async () => await Redis.PatternsAsync() == 1, "the page has subscribed");

        await Redis.PublishAsync("toast.new-user", "<img src=x onerror=alert(1)> Mathias signed up");

        await Expect(page.Locator(Toasts).Locator(".text")).ToHaveTextAsync("<img src=x onerror=alert(1)> Mathias signed up");
        await Expect(page.Locator("notifier-toasts img")).ToHaveCountAsync(0);
        (await page.EvaluateAsync<string>("told")).Should().StartWith("toast.new-user <img");
        await page.CloseAsync();
    }

    /// <summary>A browser rejects an answer to a request with cookies if the server does not allow cookies, as with all origins allowed.</summary>
    [Fact]
    public async Task A_page_without_websockets_receives_messages_from_a_server_that_allows_all_origins_and_no_cookies()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["environment=Production", "Access:AllowedOrigins:0=*", "Access:Anonymous:Subscribe:0=*"]);
        await using var site = await Site.StartAsync(
            $$"""
            <!doctype html><title>Shop</title>
            <script>WebSocket = class { constructor() { setTimeout(() => this.onclose({ code: 1006, reason: "" })); } send() { } close() { } };</script>
            <script src="{{app.Address}}notifier.js"></script>
            <script>
            const notifier = new Notifier("{{app.Address}}");
            notifier.addEventListener("state", ({ detail }) => document.title = detail.state);
            notifier.channel("all.origins", message => document.title = message.data);
            </script>
            """);
        var page = await OpenAsync(site);
        await Expect(page).ToHaveTitleAsync("connected");

        await Redis.PublishAsync("all.origins", "hello");

        await Expect(page).ToHaveTitleAsync("hello");
        await page.CloseAsync();
    }

    [Fact]
    public async Task Toasts_are_limited_in_number_and_can_be_dismissed_by_keyboard()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync($"<!doctype html><title>Shop</title><script src=\"{app.Address}notifier.js\"></script><notifier-toasts pattern=\"few.*\" max=2 field=text></notifier-toasts>");
        var page = await OpenAsync(site);
        await Eventually.IsAsync(async () => await Redis.PatternsAsync() == 1, "the page has subscribed");
        foreach (var text in new[] { "{\"text\":\"one\"}", "{\"text\":\"two\"}", "three" })
            await Redis.PublishAsync("few.x", text);
        await Expect(page.Locator(Toasts).Locator(".text")).ToHaveTextAsync(["one", "two"]);
        await Expect(page.Locator("notifier-toasts .more")).ToHaveTextAsync("+1 more");

        await page.Locator(Toasts).First.Locator("button").FocusAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Locator(Toasts).Locator(".text")).ToHaveTextAsync(["two", "three"]);
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Locator(Toasts).Locator(".text")).ToHaveTextAsync(["three"]);
        await Expect(page.Locator(Toasts).Locator("button")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator(Toasts)).ToHaveCountAsync(0);
        await Expect(page.Locator("notifier-toasts ol")).ToHaveAttributeAsync("aria-live", "polite");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_list_shows_the_newest_first_and_never_more_than_its_maximum()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync($"<!doctype html><title>Shop</title><script src=\"{app.Address}notifier.js\"></script><notifier-list channel=\"list.a list.b\" max=3></notifier-list>");
        var page = await OpenAsync(site);
        await Redis.WhenChannelIsLiveAsync(app, "list.a");
        await Redis.WhenChannelIsLiveAsync(app, "list.b");
        for (var n = 1; n <= 5; n++)
            await Redis.PublishAsync("list.b", $"{n}");

        await Expect(page.Locator("notifier-list .text")).ToHaveTextAsync(["5", "4", "3"]);
        await page.CloseAsync();
    }

    /// <summary>Both elements subscribe to the same name, and only the list shows earlier messages.</summary>
    [Fact]
    public async Task A_list_starts_with_the_last_messages_and_toasts_show_only_new_ones()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("pattern", "last.*");
        for (var n = 1; n <= 5; n++)
        {
            await Redis.PublishAsync("last.x", $"{n}");
            await keeper.ReadAsync();
        }
        await using var site = await Site.StartAsync(
            $"<!doctype html><title>Shop</title><script src=\"{app.Address}notifier.js\"></script>"
            + "<notifier-toasts pattern=\"last.*\" seconds=0></notifier-toasts><notifier-list pattern=\"last.*\" last=3></notifier-list>");
        var page = await OpenAsync(site);
        await Expect(page.Locator("notifier-list .text")).ToHaveTextAsync(["5", "4", "3"]);
        await Eventually.IsAsync(() => app.Connections.Count == 3, "the toasts have connected too");

        await page.EvaluateAsync("document.querySelector('notifier-list').after(document.querySelector('notifier-list'))");
        await Expect(page.Locator("notifier-list .text")).ToHaveTextAsync(["5", "4", "3"], new() { Timeout = 5_000 });
        await Redis.PublishAsync("last.x", "6");

        await Expect(page.Locator("notifier-list .text")).ToHaveTextAsync(["6", "5", "4", "3"]);
        await Expect(page.Locator(Toasts).Locator(".text")).ToHaveTextAsync(["6"]);
        await page.CloseAsync();
    }

    [Theory]
    [InlineData(ReducedMotion.Reduce, "none")]
    [InlineData(ReducedMotion.NoPreference, "come")]
    public async Task A_toast_is_animated_unless_the_user_prefers_reduced_motion(ReducedMotion motion, string animation)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(
            $"<!doctype html><title>Shop</title><script src=\"{app.Address}notifier.js\" data-pattern=\"motion.*\" data-toast></script>");
        var page = await browser.NewPageAsync(new() { ReducedMotion = motion });
        await page.GotoAsync(site.Address);
        await Eventually.IsAsync(async () => await Redis.PatternsAsync() == 1, "the page has subscribed");

        await Redis.PublishAsync("motion.x", "hello");

        await Expect(page.Locator(Toasts)).ToHaveCSSAsync("animation-name", animation);
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_script_and_its_toasts_work_under_a_strict_content_security_policy_with_integrity()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var http = new HttpClient();
        using var snippets = System.Text.Json.JsonDocument.Parse(await http.GetStringAsync(new Uri(app.Address, "notifier.json")));
        var script = snippets.RootElement.GetProperty("notifier.js");
        await using var site = await Site.StartAsync(
            $"<!doctype html><title>Shop</title><script src=\"{app.Address}{script.GetProperty("src")}\" integrity=\"{script.GetProperty("integrity")}\""
            + " crossorigin data-pattern=\"strict.*\" data-toast></script>",
            $"default-src 'none'; script-src {app.Address}; connect-src {app.Address} ws://{app.Address.Authority}");
        var complaints = new List<string>();
        var page = await browser.NewPageAsync();
        page.Console += (_, message) => complaints.Add(message.Text);
        page.PageError += (_, error) => complaints.Add(error);
        await page.GotoAsync(site.Address);
        await Eventually.IsAsync(() => app.Connections.Count == 1, "the page connects");
        await Eventually.IsAsync(async () => await Redis.PatternsAsync() == 1, "the page has subscribed");

        await Redis.PublishAsync("strict.x", "hello");

        await Expect(page.Locator(Toasts).Locator(".text")).ToHaveTextAsync("hello");
        await Expect(page.Locator("notifier-toasts")).ToHaveCSSAsync("position", "fixed");
        complaints.Where(complaint => !complaint.Contains("favicon", StringComparison.Ordinal)).Should().BeEmpty();
        await page.CloseAsync();
    }

    [Fact]
    public async Task The_client_works_as_a_javascript_module()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(
            $"<!doctype html><title>Shop</title><p></p><script type=module>import {{ Notifier }} from '{app.Address}notifier.mjs';"
            + $"new Notifier('{app.Address}').channel('module.x', message => document.querySelector('p').textContent = message.json().text)</script>");
        var page = await OpenAsync(site);
        await Redis.WhenChannelIsLiveAsync(app, "module.x");

        await Redis.PublishAsync("module.x", "{\"text\":\"hello\"}");

        await Expect(page.Locator("p")).ToHaveTextAsync("hello");
        await page.CloseAsync();
    }

    private async Task<IPage> OpenAsync(Site site)
    {
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.Address);
        return page;
    }
}
