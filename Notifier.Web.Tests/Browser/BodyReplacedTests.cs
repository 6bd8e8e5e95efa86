using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Recipes;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>Pages whose body a library replaces when the visitor follows a link: the real htmx and the real Turbo.</summary>
public sealed class BodyReplacedTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private const string Toasts = "notifier-toasts li .text";

    private RedisServer Redis => fixture.Redis;

    /// <summary>In a body, the script is executed again on each page.</summary>
    [Theory]
    [InlineData("htmx.org/dist/htmx.min.js", true)]
    [InlineData("htmx.org/dist/htmx.min.js", false)]
    [InlineData("@hotwired/turbo/dist/turbo.es2017-umd.js", true)]
    [InlineData("@hotwired/turbo/dist/turbo.es2017-umd.js", false)]
    public async Task Toasts_of_the_script_survive_a_replaced_body_with_one_container_and_one_connection(string library, bool isInHead)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await StartAsync(app, library, isInHead, "data-channel=body.x data-toast data-seconds=0", "data-channel=body.x data-toast data-seconds=0");
        var page = await OpenAsync(site);
        await Redis.WhenChannelIsLiveAsync(app, "body.x");
        await Redis.PublishAsync("body.x", "one");
        await Expect(page.Locator(Toasts)).ToHaveTextAsync(["one"]);

        await page.ClickAsync("a");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Second");
        await Redis.PublishAsync("body.x", "two");
        await Expect(page.Locator(Toasts)).ToHaveTextAsync(["one", "two"]);

        await page.GoBackAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("First");
        await Redis.PublishAsync("body.x", "three");
        await Expect(page.Locator(Toasts)).ToHaveTextAsync(["one", "two", "three"]);
        await Expect(page.Locator("notifier-toasts")).ToHaveCountAsync(1);
        (await page.EvaluateAsync<bool>("globalThis.isSameDocument ?? false")).Should().BeTrue("the library replaces the body, and the browser loads no new page");
        app.Connections.Count.Should().Be(1);
        await page.CloseAsync();
    }

    [Theory]
    [InlineData("htmx.org/dist/htmx.min.js")]
    [InlineData("@hotwired/turbo/dist/turbo.es2017-umd.js")]
    public async Task A_script_with_other_names_in_a_later_body_replaces_what_the_first_one_showed(string library)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Redis:Linger=00:00:00");
        await using var site = await StartAsync(app, library, isInHead: false, "data-channel=user.1 data-toast data-seconds=0", "data-channel=user.2 data-toast data-seconds=0");
        var page = await OpenAsync(site);
        await Redis.WhenChannelIsLiveAsync(app, "user.1");

        await page.ClickAsync("a");
        await Redis.WhenChannelIsLiveAsync(app, "user.2");

        await Eventually.IsAsync(async () => await Redis.SubscribersAsync("user.1") == 0, "the name of the first page is unsubscribed");
        await Expect(page.Locator("notifier-toasts")).ToHaveCountAsync(1);
        await Redis.PublishAsync("user.2", "two");
        await Expect(page.Locator(Toasts)).ToHaveTextAsync(["two"]);
        await page.CloseAsync();
    }

    [Theory]
    [InlineData("htmx.org/dist/htmx.min.js", "hx-preserve")]
    [InlineData("@hotwired/turbo/dist/turbo.es2017-umd.js", "data-turbo-permanent")]
    public async Task A_list_that_the_library_keeps_stays_subscribed_with_its_items(string library, string keep)
    {
        var list = $"<notifier-list id=list {keep} channel=kept.x last=2></notifier-list>";
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await StartAsync(app, library, isInHead: true, "", "", list);
        var page = await OpenAsync(site);
        await Redis.WhenChannelIsLiveAsync(app, "kept.x");
        foreach (var text in new[] { "one", "two", "three" })
            await Redis.PublishAsync("kept.x", text);
        await Expect(page.Locator("notifier-list .text")).ToHaveTextAsync(["three", "two", "one"]);
        var connection = await app.OnlyConnectionAsync();

        await page.ClickAsync("a");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Second");
        await Redis.PublishAsync("kept.x", "four");

        // A new subscription would show only the last two.
        await Expect(page.Locator("notifier-list .text")).ToHaveTextAsync(["four", "three", "two", "one"]);
        (await app.OnlyConnectionAsync()).Should().BeSameAs(connection);
        await page.CloseAsync();
    }

    private static async Task<Site> StartAsync(NotifierApp app, string library, bool isInHead, string first, string second, string body = "")
    {
        var script = await File.ReadAllTextAsync(Path.Combine(await NodePackages.FolderAsync(), "node_modules", library));
        string Page(string title, string other, string attributes)
        {
            var client = $"<script src=\"{app.Address}notifier.js\" {attributes}></script>";
            return $"<!doctype html><head><title>{title}</title><script src=/library.js></script>{(isInHead ? client : "")}</head>"
                + $"<body hx-boost:inherited=true><h1>{title}</h1><a href={other}>Next</a>{body}{(isInHead ? "" : client)}</body>";
        }
        return await Site.StartAsync(Page("First", "/second", first), null, ("/second", Page("Second", "/", second)), ("/library.js", script));
    }

    private async Task<IPage> OpenAsync(Site site)
    {
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.Address);
        await page.EvaluateAsync("globalThis.isSameDocument = true");
        return page;
    }
}
