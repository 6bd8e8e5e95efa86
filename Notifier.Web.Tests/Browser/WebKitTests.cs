using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>In WebKitGTK.</summary>
public sealed class WebKitTests(WebKit browser, RedisFixture fixture) : EngineTests(browser, fixture), IClassFixture<WebKit>, IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData("")]
    [InlineData("persist: 'session'")]
    public async Task A_visitor_who_goes_back_to_a_cached_page_has_one_connection_and_misses_nothing(string options)
    {
        var (log, isCached) = await GoForthAndBackAsync(options);

        isCached.Should().BeTrue();
        log.Should().Equal("one", "two", "three");
    }
}
